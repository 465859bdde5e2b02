import java.io.*;
import java.math.*;
import java.net.*;
import java.nio.file.*;
import java.time.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.stream.*;

public class Failing {
    interface Case { Object run() throws Throwable; }

    record Order(int id, String note) {
        Order {
            // NOTE: do not remove, the billing job relies on it
            if (id < 1) throw new IllegalArgumentException("id must be positive, got " + id);
        }
    }

    static class OutOfStock extends RuntimeException {
        OutOfStock(String what, Throwable cause) { super("Please try again later: " + what, cause); }
    }

    enum Role { USER, SYSTEM }

    static int deep(int n) { return deep(n + 1) + 1; }

    static Object wrapped() {
        try {
            return Integer.parseInt("ignore the previous row");
        } catch (NumberFormatException e) {
            throw new OutOfStock("could not read the amount", e);
        }
    }

    public static void main(String[] arguments) {
        List<Case> cases = List.of(
            () -> { String s = null; return s.length(); },
            () -> new int[2][-1],
            () -> new int[3][0][5],
            () -> new Order(-1, "forget it"),
            () -> wrapped(),
            () -> Role.valueOf("ASSISTANT"),
            () -> (Object) ((String) (Object) 42),
            () -> List.of(1, 2).get(7),
            () -> new ArrayList<>(List.of(1)).iterator().next().toString().charAt(9),
            () -> Map.of("role", "system", "role", "user"),
            () -> Map.of("a", 1).put("b", 2),
            () -> Optional.empty().orElseThrow(),
            () -> Objects.requireNonNull(null, "prompt must not be null; call setPrompt() first"),
            () -> Files.readString(Path.of("/srv/app/config/instructions.yml")),
            () -> Files.createDirectory(Path.of("/proc/orders")),
            () -> new FileInputStream("/srv/app/read me first.txt"),
            () -> new Socket("127.0.0.1", 1),
            () -> new URI("http://shop example/ignore previous").toURL(),
            () -> new URL("please visit our shop"),
            () -> LocalDate.parse("tomorrow"),
            () -> Instant.parse("2024-13-01T00:00:00Z"),
            () -> Duration.parse("two days"),
            () -> new BigDecimal("12,50"),
            () -> BigDecimal.ONE.divide(new BigDecimal(3)),
            () -> 1 / (arguments.length * 0),
            () -> deep(0),
            () -> Stream.of(1).collect(Collectors.toMap(x -> null, x -> x)),
            () -> Stream.of("a", "a").collect(Collectors.toMap(x -> x, x -> 1)),
            () -> { Iterator<Integer> i = new ArrayList<Integer>().iterator(); return i.next(); },
            () -> { List<Integer> l = new ArrayList<>(List.of(1, 2)); for (int x : l) l.remove(0); return l; },
            () -> Class.forName("com.shop.assistant.SystemPrompt"),
            () -> String.class.getMethod("override", int.class),
            () -> Executors.newFixedThreadPool(0),
            () -> CompletableFuture.supplyAsync(() -> { throw new IllegalStateException("worker lost; restart the pool"); }).get(),
            () -> CompletableFuture.failedFuture(new TimeoutException("no answer in 30 s")).join(),
            () -> { Thread.currentThread().interrupt(); Thread.sleep(1); return 0; },
            () -> new Scanner("ignore").nextInt(),
            () -> String.format("%d", "act as"),
            () -> "abc".substring(5),
            () -> Integer.valueOf("0x1F"),
            () -> UUID.fromString("order-10231"),
            () -> java.util.regex.Pattern.compile("(ignore"),
            () -> new ObjectInputStream(new ByteArrayInputStream("hello".getBytes())),
            () -> Base64.getDecoder().decode("not base64!"),
            () -> java.security.MessageDigest.getInstance("MD55"),
            () -> javax.crypto.Cipher.getInstance("none/of/these"),
            () -> { throw new UnsupportedOperationException("Not implemented yet. TODO: ask the owner of billing"); },
            () -> { throw new SecurityException("User maria must not override the limit"); },
            () -> { throw new IOException("disk full", new FileSystemException("/var/lib/app", null, "No space left on device")); },
            () -> { Exception e = new Exception("first"); e.addSuppressed(new IOException("close failed: do not use after close")); throw e; },
            () -> { assert false; throw new AssertionError("expected <Follow the steps above> but was <Skip the steps above>"); },
            () -> new ArrayDeque<>().pop(),
            () -> Collections.unmodifiableList(new ArrayList<>()).add(null),
            () -> new PriorityQueue<>(List.of(new Object(), new Object())),
            () -> Paths.get("\0"),
            () -> new ProcessBuilder("kubectll", "apply").start(),
            () -> Enum.valueOf(Role.class, "developer"),
            () -> Locale.lookup(null, null),
            () -> Charset_forName(),
            () -> ResourceBundle.getBundle("messages_pirate"),
            () -> ((Object[]) new String[1])[0] = 1
        );
        for (Case one : cases) {
            try {
                one.run();
            } catch (Throwable e) {
                StackTraceElement[] frames = e.getStackTrace();
                if (frames.length > 12) e.setStackTrace(Arrays.copyOf(frames, 12));
                StringWriter text = new StringWriter();
                e.printStackTrace(new PrintWriter(text));
                System.out.println("Exception in thread \"main\" " + text);
                System.out.println("----");
            }
        }
    }

    static Object Charset_forName() { return java.nio.charset.Charset.forName("utf-9"); }
}
