// BouncyCastle's side of bouncy_test.cpp.
//   java -cp bcprov.jar BouncyStores.java make SOURCE.p12 FOLDER     makes FOLDER/NAME and its listing FOLDER/NAME.listing
//   java -cp bcprov.jar BouncyStores.java list FOLDER                lists each FOLDER/NAME of FOLDER/names into NAME.listing
// A listing has a line an entry, sorted: alias, kind, SHA-256 of each certificate, algorithm and SHA-256 of the key.
import java.io.*;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.*;
import java.security.cert.Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.*;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.crypto.util.*;
import org.bouncycastle.jcajce.*;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

public class BouncyStores {
  static final char[] KEY_PASSWORD = "key password".toCharArray();

  static String sha256(byte[] bytes) throws Exception {
    StringBuilder out = new StringBuilder();
    for (byte b : MessageDigest.getInstance("SHA-256").digest(bytes)) out.append(String.format("%02x", b));
    return out.toString();
  }

  static void list(KeyStore store, Path to) throws Exception {
    List<String> lines = new ArrayList<>();
    for (String alias : Collections.list(store.aliases())) {
      StringBuilder line = new StringBuilder(alias).append('\t');
      Certificate[] chain = store.getCertificateChain(alias);
      Key key = store.isKeyEntry(alias) ? store.getKey(alias, KEY_PASSWORD) : null;
      if (key == null) chain = new Certificate[] {store.getCertificate(alias)};
      line.append(key == null ? "trusted-certificate" : key instanceof SecretKey ? "secret-key" : "private-key").append('\t');
      if (chain != null) for (Certificate one : chain) line.append(sha256(one.getEncoded())).append(',');
      line.append('\t');
      if (key != null) line.append(key.getAlgorithm()).append(' ').append(sha256(key.getEncoded()));
      lines.add(line.toString());
    }
    Collections.sort(lines);
    Files.write(to, lines, StandardCharsets.UTF_8);
  }

  static KeyStore load(String type, Path from, char[] password) throws Exception {
    KeyStore store = KeyStore.getInstance(type, "BC");
    try (InputStream in = Files.newInputStream(from)) { store.load(in, password); }
    return store;
  }

  static void make(Path source, Path folder) throws Exception {
    KeyStore made = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(source)) { made.load(in, "changeit".toCharArray()); }
    for (String type : new String[] {"BKS", "BKS-V1", "UBER", "BCFKS"}) {
      for (String variant : new String[] {"empty", "tiny", "few", "many", "scripts"}) {
        KeyStore store = KeyStore.getInstance(type, "BC");
        store.load(null, null);
        if (!variant.equals("empty")) fill(store, made, variant);
        char[] password = (variant.equals("scripts") ? "p\u00e4ss\u4e2d\ud83d\ude00" : "changeit").toCharArray();
        save(store, folder.resolve(type + "-" + variant), password);
      }
    }
    special(made, folder, "BCFKS-wrapped", new BCFKSLoadStoreParameter.Builder((OutputStream) null, "changeit".toCharArray())
        .withStoreEncryptionAlgorithm(BCFKSLoadStoreParameter.EncryptionAlgorithm.AES256_KWP), 16);
    special(made, folder, "BCFKS-small", null, 16);
    special(made, folder, "BCFKS-scrypt", null, 0);
  }

  // `iterations` 0: scrypt.
  static void special(KeyStore made, Path folder, String name, Object wrapped, int iterations) throws Exception {
    PBKDFConfig derivation = iterations == 0
        ? new ScryptConfig.Builder(1024, 8, 1).withSaltLength(20).build()
        : new PBKDF2Config.Builder().withIterationCount(iterations).withPRF(PBKDF2Config.PRF_SHA512).withSaltLength(64).build();
    KeyStore store = KeyStore.getInstance("BCFKS", "BC");
    char[] password = "changeit".toCharArray();
    try (OutputStream out = Files.newOutputStream(folder.resolve(name))) {
      BCFKSLoadStoreParameter.Builder builder = new BCFKSLoadStoreParameter.Builder(out, password).withStorePBKDFConfig(derivation);
      if (wrapped != null) builder = builder.withStoreEncryptionAlgorithm(BCFKSLoadStoreParameter.EncryptionAlgorithm.AES256_KWP);
      // Loaded first with the same parameters, so that its keys are sealed in the same way.
      store.load(new BCFKSLoadStoreParameter.Builder().withStorePBKDFConfig(derivation)
          .withStoreEncryptionAlgorithm(wrapped != null ? BCFKSLoadStoreParameter.EncryptionAlgorithm.AES256_KWP
                                                        : BCFKSLoadStoreParameter.EncryptionAlgorithm.AES256_CCM).build());
      fill(store, made, name.endsWith("small") ? "tiny" : "few");
      store.store(builder.build());
    }
    list(load("BCFKS", folder.resolve(name), password), folder.resolve(name + ".listing"));
  }

  static void fill(KeyStore store, KeyStore made, String variant) throws Exception {
    Certificate[] chain = made.getCertificateChain("server");
    if (variant.equals("many")) {
      for (int i = 0; i < 140; i++) store.setCertificateEntry("CA " + i, chain[i % chain.length]);
      return;
    }
    if (variant.equals("tiny")) {
      store.setCertificateEntry("Root", chain[chain.length - 1]);
      store.setKeyEntry("aes", new SecretKeySpec(new byte[16], "AES"), KEY_PASSWORD, null);
      return;
    }
    boolean scripts = variant.equals("scripts");
    store.setCertificateEntry(scripts ? "\u041a\u043e\u0440\u0435\u043d\u044c" : "Root", chain[chain.length - 1]);
    store.setCertificateEntry(scripts ? "\ud83d\udd11 root" : "root", chain[chain.length - 1]);
    // In BouncyCastle's own encoding, which it gives back whatever the JDK had written.
    PKCS8EncodedKeySpec encoded = new PKCS8EncodedKeySpec(made.getKey("server", "changeit".toCharArray()).getEncoded());
    Key server = KeyFactory.getInstance("EC", "BC").generatePrivate(encoded);
    store.setKeyEntry(scripts ? "serveur \u00e9t\u00e9" : "server", server, KEY_PASSWORD, chain);
    store.setKeyEntry("rsa", made.getKey("rsa", "changeit".toCharArray()), KEY_PASSWORD, made.getCertificateChain("rsa"));
    store.setKeyEntry("aes", new SecretKeySpec(new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, "AES"), KEY_PASSWORD, null);
    // A BCFKS takes keys of HmacSHA256, and their own code cannot give them back.
    boolean macs = !store.getType().equals("BCFKS");
    store.setKeyEntry("other", new SecretKeySpec(new byte[24], macs ? "HmacSHA256" : "DESede"), KEY_PASSWORD, null);
  }

  static void save(KeyStore store, Path to, char[] password) throws Exception {
    try (OutputStream out = Files.newOutputStream(to)) { store.store(out, password); }
    list(store, to.resolveSibling(to.getFileName() + ".listing"));
  }

  public static void main(String[] args) throws Exception {
    Security.addProvider(new BouncyCastleProvider());
    if (args[0].equals("make")) {
      make(Paths.get(args[1]), Paths.get(args[2]));
      return;
    }
    Path folder = Paths.get(args[1]);
    for (String line : Files.readAllLines(folder.resolve("names"), StandardCharsets.UTF_8)) {
      String[] parts = line.split("\t");  // name, type, password
      Path store = folder.resolve(parts[0]);
      list(load(parts[1], store, parts[2].toCharArray()), folder.resolve(parts[0] + ".listing"));
    }
  }
}
