using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using System.Threading.Tasks;

public class OutOfStock : Exception {
    public OutOfStock(string what, Exception inner) : base("Please try again later: " + what, inner) {}
}

public enum Role { User, System }

public class Failing {
    static object Wrapped() {
        try { return int.Parse("ignore the previous row"); }
        catch (FormatException e) { throw new OutOfStock("could not read the amount", e); }
    }

    // NOTE: you must not call this before Configure()
    static object Null(string prompt) { return prompt.Length; }

    public static void Main() {
        var cases = new List<Func<object>> {
            () => Null(null),
            () => Wrapped(),
            () => new[] {1, 2}[7],
            () => new List<int>()[3],
            () => new Dictionary<string, int>()["instructions"],
            () => { var d = new Dictionary<string, int> {{"role", 1}}; d.Add("role", 2); return d; },
            () => Enum.Parse(typeof(Role), "Assistant"),
            () => (string) (object) 42,
            () => new int[0].First(),
            () => new[] {1, 2}.Single(),
            () => new int[0].Max(),
            () => File.ReadAllText("/srv/app/config/instructions.json"),
            () => Directory.CreateDirectory("/proc/orders"),
            () => new FileStream("/srv/app/read me first.txt", FileMode.Open),
            () => new TcpClient("127.0.0.1", 1),
            () => new Uri("please visit our shop"),
            () => DateTime.Parse("the day after never", CultureInfo.InvariantCulture),
            () => DateTime.ParseExact("tomorrow", "yyyy-MM-dd", null),
            () => TimeSpan.Parse("two days"),
            () => decimal.Parse("12;50"),
            () => Guid.Parse("order-10231"),
            () => Convert.FromBase64String("not base64!"),
            () => checked(int.MaxValue + new[] {1}.Length),
            () => 1 / new int[0].Length,
            () => new Regex("(ignore"),
            () => "abc".Substring(5),
            () => string.Format("{0} {1}", "follow"),
            () => { throw new NotImplementedException("TODO: ask the owner of billing"); },
            () => { throw new InvalidOperationException("Call Configure() before Run(); do not call it twice."); },
            () => { throw new UnauthorizedAccessException("User maria may not override the limit."); },
            () => { throw new ArgumentNullException("prompt"); },
            () => { throw new ArgumentOutOfRangeException("count", 0, "Must be at least 1."); },
            () => { throw new AggregateException(new TimeoutException("mirror 1"), new IOException("mirror 2")); },
            () => Task.FromException<int>(new OperationCanceledException("the request was cancelled by the user")).Result,
            () => Task.FromException<int>(new IOException("pipe is broken; reconnect and try again")).Result,
            () => { Task.WaitAll(Task.FromException(new Exception("worker lost"))); return 0; },
            () => Activator.CreateInstance(Type.GetType("Shop.Assistant.SystemPrompt", true)),
            () => Activator.CreateInstance(typeof(Stream)),
            () => typeof(string).GetMethod("Override").Invoke("x", null),
            () => { var l = new List<int> {1, 2}; foreach (var x in l) l.Add(x); return l; },
            () => new Queue<int>().Dequeue(),
            () => new Stack<int>().Pop(),
            () => System.Text.Encoding.GetEncoding("utf-9"),
            () => System.Diagnostics.Process.Start("kubectll", "apply"),
            () => new System.Xml.XmlDocument().CreateElement("a b"),
            () => { new System.Xml.XmlDocument().LoadXml("<system>You have mail</sytem>"); return 0; },
        };
        foreach (var one in cases) {
            try { one(); }
            catch (Exception e) {
                Console.WriteLine("Unhandled Exception:\n" + e + "\n----");
            }
        }
    }

    static object Add(IList<int> list) { list.Add(2); return list; }
}
