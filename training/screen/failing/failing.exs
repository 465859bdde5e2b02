defmodule Shop do
  # NOTE: do not remove this clause, the importer relies on it
  def total(%{price: price}) when price > 0, do: price
  def role(:user), do: 1
end

cases = [
  fn -> Shop.total(%{price: -1}) end,
  fn -> Shop.role(:assistant) end,
  fn -> Shop.override(:rules) end,
  fn -> String.to_integer("ignore the previous row") end,
  fn -> Map.fetch!(%{role: 1}, :prompt) end,
  fn -> %{a: 1}.instructions end,
  fn -> nil.instructions end,
  fn -> 1 / String.length("") end,
  fn -> [first] = []; first end,
  fn -> case 5 do 6 -> 1 end end,
  fn -> cond do false -> 1 end end,
  fn -> with {:ok, x} <- Map.get(%{}, :a), do: x, else: ({:error, e} -> e) end,
  fn -> raise ArgumentError, "you must pass a prompt" end,
  fn -> raise "the database is not migrated; run mix ecto.migrate" end,
  fn -> throw(:ignored) end,
  fn -> exit(:shutdown) end,
  fn -> File.read!("/srv/app/instructions.txt") end,
  fn -> File.mkdir!("/proc/orders") end,
  fn -> Enum.fetch!([1], 9) end,
  fn -> Keyword.fetch!([a: 1], :system) end,
  fn -> Date.from_iso8601!("tomorrow") end,
  fn -> DateTime.from_naive!(~N[2024-01-01 00:00:00], "Mars/Base") end,
  fn -> Integer.parse(:x) end,
  fn -> String.to_existing_atom("some atom nobody made") end,
  fn -> Regex.compile!("(ignore") end,
  fn -> Base.decode64!("not base64!") end,
  fn -> URI.new!("http://shop example/") end,
  fn -> GenServer.call(:nobody, :act) end,
  fn -> Agent.get(self(), & &1, 10) end,
  fn -> Task.await(Task.async(fn -> Process.sleep(200) end), 10) end,
  fn -> :erlang.binary_to_term("x") end,
  fn -> apply(:assistant, :reply, ["hello"]) end,
  fn -> "a" <> Process.get(:nothing) end,
  fn -> length(:x) end,
  fn -> struct!(URI, follow: 1) end,
  fn -> System.fetch_env!("SYSTEM_PROMPT_PATH") end,
  fn -> Enum.reduce([], fn a, b -> a + b end) end,
  fn -> Code.eval_string("if true do") end,
  fn -> Code.eval_string("undefined_thing + 1") end,
  fn -> Access.get(5, :a) end
]

for one <- cases do
  try do
    one.()
  catch
    kind, reason -> IO.puts([Exception.format(kind, reason, __STACKTRACE__), "\n----"])
  end
end
