// The real keytool, many times in one JVM. Reads requests from stdin, one a line of fields in base64 (apart by commas):
//
//   run,STDIN,ARGUMENT…      runs keytool's own Main with these arguments; answers "EXIT OUT ERR", both in base64
//   dump,FILE,STOREPASS,KEYPASS…   what Java finds in a store: a line an entry, with digests of certificates and opened keys
//
//   java --add-exports java.base/sun.security.tools.keytool=ALL-UNNAMED -Djava.security.manager=allow KeytoolDriver.java
//
// keytool ends the JVM when it fails; here that is an Error which keytool does not catch.
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileOutputStream;
import java.io.FileDescriptor;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.Key;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.Permission;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;

public class KeytoolDriver {
    static class Left extends Error {
        final int code;
        Left(int code) { super("exit", null, false, false); this.code = code; }
    }

    static PrintStream to(OutputStream out) {
        return new PrintStream(out, false, StandardCharsets.UTF_8);
    }

    @SuppressWarnings("removal")
    static void forbidExit() {
        System.setSecurityManager(new SecurityManager() {
            @Override public void checkPermission(Permission permission) { }
            @Override public void checkPermission(Permission permission, Object context) { }
            @Override public void checkExit(int code) {
                // What keytool prints after it has ended the JVM, nobody sees.
                System.out.flush();
                System.err.flush();
                System.setOut(to(OutputStream.nullOutputStream()));
                System.setErr(to(OutputStream.nullOutputStream()));
                throw new Left(code);
            }
        });
    }

    static String sha256(byte[] bytes) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }

    static String run(List<String> fields) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        System.setIn(new ByteArrayInputStream(fields.get(1).getBytes(StandardCharsets.UTF_8)));
        System.setOut(to(out));
        System.setErr(to(err));
        int code = 0;
        try {
            sun.security.tools.keytool.Main.main(fields.subList(2, fields.size()).toArray(new String[0]));
            System.out.flush();
            System.err.flush();
        } catch (Left left) {
            code = left.code;
        }
        Base64.Encoder encoder = Base64.getEncoder();
        return code + " " + encoder.encodeToString(out.toByteArray()) + " " + encoder.encodeToString(err.toByteArray());
    }

    static Key key(KeyStore store, String alias, List<String> passwords) {
        for (String password : passwords) {
            try {
                return store.getKey(alias, password.toCharArray());
            } catch (Exception wrong) {
                // The next one.
            }
        }
        return null;
    }

    static String dump(List<String> fields) throws Exception {
        StringBuilder text = new StringBuilder();
        List<String> passwords = fields.subList(2, fields.size());
        KeyStore store = KeyStore.getInstance(new File(fields.get(1)), fields.get(2).toCharArray());
        text.append(store.getType()).append('\n');
        List<String> aliases = Collections.list(store.aliases());
        Collections.sort(aliases);
        for (String alias : aliases) {
            text.append(alias);
            if (store.isCertificateEntry(alias)) {
                text.append(" certificate ").append(sha256(store.getCertificate(alias).getEncoded()));
            } else {
                Certificate[] chain = store.getCertificateChain(alias);
                Key key = key(store, alias, passwords);
                text.append(" key ").append(key == null ? "closed" : key.getAlgorithm() + " " + sha256(key.getEncoded()));
                for (int at = 0; chain != null && at < chain.length; at++) text.append(' ').append(sha256(chain[at].getEncoded()));
            }
            text.append('\n');
        }
        return "0 " + Base64.getEncoder().encodeToString(text.toString().getBytes(StandardCharsets.UTF_8)) + " ";
    }

    static List<String> fields(String line) {
        List<String> out = new ArrayList<>();
        for (String part : line.split(",", -1)) out.add(new String(Base64.getDecoder().decode(part), StandardCharsets.UTF_8));
        return out;
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), true);
        forbidExit();
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            List<String> fields = fields(line);
            String answer;
            try {
                answer = fields.get(0).equals("dump") ? dump(fields) : run(fields);
            } catch (Exception problem) {
                answer = "9 " + Base64.getEncoder().encodeToString(problem.toString().getBytes(StandardCharsets.UTF_8)) + " ";
            }
            answers.println(answer);
        }
    }
}
