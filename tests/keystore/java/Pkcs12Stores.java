// Java's side of the tests of PKCS#12, in one JVM each time:
//
//   java Pkcs12Stores.java make DIR        makes DIR/NAME.p12 for every line of DIR/list.tsv whose maker is "java", then
//                                          describes all
//   java Pkcs12Stores.java describe DIR... writes DIR/NAME.txt for every line, in each of the folders
//
// A line of list.tsv is NAME, store password ("-": none), key password and maker, with tabs between them. A description
// has a line for every entry, sorted: alias in hex, kind, date of a key ("-" where the file has none), digests of the
// certificates, algorithm and digest of the key.
import java.io.FileInputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PKCS12Attribute;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.interfaces.EdECKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

public class Pkcs12Stores {
  static Path dir;

  public static void main(String[] args) throws Exception {
    for (int at = 1; at < args.length; ++at) {
      dir = Path.of(args[at]);
      run(args[0]);
    }
  }

  static void run(String verb) throws Exception {
    List<String[]> lines = new ArrayList<>();
    for (String line : Files.readAllLines(dir.resolve("list.tsv"))) lines.add(line.split("\t", -1));
    for (String[] part : lines) {
      if (verb.equals("make") && part[3].equals("java")) make(part[0], chars(part[1]), part[2].toCharArray());
    }
    for (String[] part : lines) describe(part[0], chars(part[1]), part[2].toCharArray());
  }

  static char[] chars(String password) { return password.equals("-") ? null : password.toCharArray(); }

  // ---- descriptions

  static String sha256(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  static String nameOf(Key key) {
    return key instanceof EdECKey ed ? ed.getParams().getName() : key.getAlgorithm();
  }

  static void describe(String name, char[] password, char[] keyPassword) throws Exception {
    List<String> lines = new ArrayList<>();
    try (FileInputStream in = new FileInputStream(dir.resolve(name + ".p12").toFile())) {
      KeyStore store = KeyStore.getInstance("PKCS12");
      long before = System.currentTimeMillis();
      store.load(in, password);
      for (String alias : Collections.list(store.aliases())) {
        StringBuilder line = new StringBuilder(HexFormat.of().formatHex(alias.getBytes(StandardCharsets.UTF_8)));
        Key key = store.isKeyEntry(alias) ? store.getKey(alias, keyPassword) : null;
        line.append(key == null ? " trusted-certificate" : key instanceof SecretKey ? " secret-key" : " private-key");
        long date = store.getCreationDate(alias) == null ? before : store.getCreationDate(alias).getTime();
        line.append(date < before ? " " + date : " -");
        Certificate[] chain = store.getCertificateChain(alias);
        if (chain == null && key == null) chain = new Certificate[] {store.getCertificate(alias)};
        if (chain != null) for (Certificate one : chain) line.append(" ").append(sha256(one.getEncoded()));
        if (key != null) line.append(" ").append(nameOf(key)).append(" ").append(sha256(key.getEncoded()));
        lines.add(line.toString());
      }
    } catch (Exception refused) {
      lines.add("java: " + refused);
    }
    Collections.sort(lines);
    Files.write(dir.resolve(name + ".txt"), lines);
  }

  // ---- stores

  static Certificate certificate(String file) throws Exception {
    try (FileInputStream in = new FileInputStream(dir.resolve(file).toFile())) {
      return CertificateFactory.getInstance("X.509").generateCertificate(in);
    }
  }

  static PrivateKey key(String file, String algorithm) throws Exception {
    return KeyFactory.getInstance(algorithm)
        .generatePrivate(new PKCS8EncodedKeySpec(Files.readAllBytes(dir.resolve(file))));
  }

  static Certificate[] chain() throws Exception {
    return new Certificate[] {certificate("leaf.crt"), certificate("issuing.crt"), certificate("root.crt")};
  }

  static final String[] PROPERTIES = {"legacy", "certProtectionAlgorithm", "certPbeIterationCount",
      "keyProtectionAlgorithm", "keyPbeIterationCount", "macAlgorithm", "macIterationCount"};

  // NAME is what is in it, and how it is protected after a dot: "small.cert=NONE,mac=NONE".
  static void make(String name, char[] password, char[] keyPassword) throws Exception {
    for (String property : PROPERTIES) System.clearProperty("keystore.pkcs12." + property);
    int dot = name.indexOf('.');
    if (dot >= 0) {
      for (String setting : name.substring(dot + 1).split(",")) {
        String[] part = setting.split("=", -1);
        String property = Map.of("legacy", "legacy", "cert", "certProtectionAlgorithm", "key", "keyProtectionAlgorithm",
            "mac", "macAlgorithm", "count", "macIterationCount", "certcount", "certPbeIterationCount",
            "keycount", "keyPbeIterationCount").get(part[0]);
        System.setProperty("keystore.pkcs12." + property, part.length > 1 ? part[1] : "");
      }
    }
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    fill(store, dot < 0 ? name : name.substring(0, dot), keyPassword);
    try (var out = Files.newOutputStream(dir.resolve(name + ".p12"))) { store.store(out, password); }
    Thread.sleep(2);  // a key's date is told from the time of loading
  }

  static void fill(KeyStore store, String what, char[] keyPassword) throws Exception {
    Certificate root = certificate("root.crt");
    switch (what) {
      case "empty" -> {}
      case "one" -> store.setCertificateEntry("Root", root);
      case "small" -> {
        store.setCertificateEntry("root", root);
        store.setKeyEntry("key", key("leaf.p8", "EC"), keyPassword, new Certificate[] {certificate("leaf.crt")});
        store.setKeyEntry("secret", new SecretKeySpec(new byte[] {1, 2, 3, 4, 5, 6, 7, 8}, "AES"), keyPassword, null);
      }
      case "many140" -> many(store, root, 140);
      case "many10000" -> many(store, root, 10000);
      case "names" -> {
        for (String alias : new String[] {"käse", "日本語", "Ключ", "😀 beyond the BMP 𝔄", "nul\0inside", "with space", "",
                 "İstanbul", "ΟΔΟΣ", "STRASSE ẞ", "a".repeat(40000)}) {
          store.setCertificateEntry(alias, root);
        }
        store.setKeyEntry("Schlüssel 鍵", key("leaf.p8", "EC"), keyPassword, chain());
      }
      case "keys" -> {
        store.setKeyEntry("ec", key("leaf.p8", "EC"), keyPassword, chain());
        store.setKeyEntry("rsa", key("rsa.p8", "RSA"), keyPassword, new Certificate[] {certificate("rsa.crt")});
        store.setKeyEntry("ed", key("ed.p8", "Ed25519"), keyPassword, new Certificate[] {certificate("ed.crt")});
        store.setKeyEntry("again", key("leaf.p8", "EC"), keyPassword, chain());
        store.setCertificateEntry("root", root);
      }
      case "secrets" -> {
        for (String algorithm : new String[] {"AES", "DESede", "DES", "ARCFOUR", "HmacSHA1", "HmacSHA224", "HmacSHA256",
                 "HmacSHA384", "HmacSHA512", "HmacSHA512/256", "HmacSHA3-256"}) {
          byte[] bytes = new byte[24];
          Arrays.fill(bytes, (byte) algorithm.length());
          store.setKeyEntry("s " + algorithm, new SecretKeySpec(bytes, algorithm), keyPassword, null);
        }
      }
      case "attributes" -> {
        Set<KeyStore.Entry.Attribute> attributes = Set.of(
            new PKCS12Attribute("1.3.6.1.4.1.311.17.1", "Microsoft Software Key Storage Provider"),
            new PKCS12Attribute("1.2.3.4.5", "[one, two]"));
        store.setEntry("key", new KeyStore.PrivateKeyEntry(key("leaf.p8", "EC"), chain(), attributes),
            new KeyStore.PasswordProtection(keyPassword));
        store.setEntry("root", new KeyStore.TrustedCertificateEntry(root, attributes), null);
      }
      default -> throw new IllegalArgumentException(what);
    }
  }

  // The same certificate with other serial numbers (one of four bytes): nobody looks at its signature.
  static void many(KeyStore store, Certificate root, int count) throws Exception {
    byte[] der = root.getEncoded();
    int serialAt = 15;  // two headers, the version (5), and the serial number's own header
    for (int number = 0; number < count; ++number) {
      byte[] serial = BigInteger.valueOf(0x01010101L + number).toByteArray();
      System.arraycopy(serial, 0, der, serialAt, 4);
      store.setCertificateEntry("certificate number " + number,
          CertificateFactory.getInstance("X.509").generateCertificate(new java.io.ByteArrayInputStream(der)));
    }
  }
}
