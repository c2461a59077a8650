// Java's side of the tests of JKS and JCEKS, in one JVM each time:
//
//   java Stores.java make DIR        makes DIR/NAME.store and its description DIR/NAME.txt for every line of DIR/list.tsv
//   java Stores.java describe DIR    writes DIR/NAME.txt for every DIR/NAME.store that is listed
//
// A line of list.tsv is NAME, TYPE, store password and key password, with tabs between them. A description has a line
// for every entry, sorted: alias in hex, kind, date, digests of the certificates, algorithm and digest of the key.
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.FileInputStream;
import java.io.ObjectOutputStream;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyFactory;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.interfaces.EdECKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import javax.crypto.Cipher;
import javax.crypto.KeyGenerator;
import javax.crypto.SealedObject;
import javax.crypto.SecretKey;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.DESedeKeySpec;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.PBEParameterSpec;
import javax.crypto.spec.SecretKeySpec;

public class Stores {
  static Path dir;

  public static void main(String[] args) throws Exception {
    dir = Path.of(args[1]);
    for (String line : Files.readAllLines(dir.resolve("list.tsv"))) {
      String[] part = line.split("\t", -1);
      char[] password = part[2].toCharArray(), keyPassword = part[3].toCharArray();
      if (args[0].equals("make")) make(part[0], part[1], password, keyPassword);
      describe(part[0], part[1], password, keyPassword);
    }
    if (args[0].equals("make")) lowerCase();
  }

  // ---- descriptions

  static String sha256(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  static String hex(String text) { return HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8)); }

  static String nameOf(Key key) {
    return key instanceof EdECKey ed ? ed.getParams().getName() : key.getAlgorithm();
  }

  static void describe(String name, String type, char[] password, char[] keyPassword) throws Exception {
    List<String> lines = new ArrayList<>();
    try (FileInputStream in = new FileInputStream(dir.resolve(name + ".store").toFile())) {
      KeyStore store = KeyStore.getInstance(type);
      store.load(in, password);
      // Java can reach an alias with capitals only where it does not fold them: enumerate, and ask for each as it is.
      for (String alias : Collections.list(store.aliases())) {
        StringBuilder line = new StringBuilder(hex(alias));
        Key key = store.isKeyEntry(alias) ? store.getKey(alias, keyPassword) : null;
        line.append(key == null ? " trusted-certificate" : key instanceof SecretKey ? " secret-key" : " private-key");
        line.append(" ").append(store.getCreationDate(alias).getTime());
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

  // The same certificate with another serial number: nobody looks at its signature.
  static Certificate numbered(byte[] der, int serialAt, int number) throws Exception {
    for (int i = 0; i < 4; ++i) der[serialAt + i] = (byte) ((number + 0x01010101) >> (24 - 8 * i));
    return CertificateFactory.getInstance("X.509")
        .generateCertificate(new java.io.ByteArrayInputStream(der));
  }

  static class OddCertificate extends Certificate {
    final byte[] bytes;
    OddCertificate(String type, byte[] bytes) { super(type); this.bytes = bytes; }
    public byte[] getEncoded() { return bytes; }
    public void verify(PublicKey key) {}
    public void verify(PublicKey key, String provider) {}
    public String toString() { return getType(); }
    public PublicKey getPublicKey() { return null; }
  }

  static void fill(KeyStore store, String name, char[] keyPassword) throws Exception {
    Certificate root = certificate("root.crt"), issuing = certificate("issuing.crt"), leaf = certificate("leaf.crt");
    switch (name.replaceAll("^[a-z]+-", "")) {
      case "empty" -> {}
      case "one" -> store.setCertificateEntry("root", root);
      case "small" -> {
        store.setCertificateEntry("root", root);
        store.setKeyEntry("key", key("leaf.p8", "EC"), keyPassword, new Certificate[] {leaf});
        if (name.startsWith("jceks")) store.setKeyEntry("secret", aes(), keyPassword, null);
      }
      case "140" -> many(store, root, 140);
      case "10000" -> many(store, root, 10000);
      case "names" -> {
        String[] aliases = {"käse", "日本語", "ключ", "😀 beyond the BMP 𝔄", "nul\0inside", "with space", "",
                            "İstanbul", "ΟΔΟΣ", "STRASSE ẞ", "a".repeat(65535)};
        for (String alias : aliases) store.setCertificateEntry(alias, root);
      }
      case "password", "nopassword" -> store.setCertificateEntry("root", root);
      case "keys" -> {
        store.setKeyEntry("ec", key("leaf.p8", "EC"), keyPassword, new Certificate[] {leaf, issuing, root});
        store.setKeyEntry("rsa", key("rsa.p8", "RSA"), keyPassword, new Certificate[] {certificate("rsa.crt"), root});
        store.setKeyEntry("ed", key("ed.p8", "Ed25519"), keyPassword, new Certificate[] {certificate("ed.crt")});
        KeyPairGenerator dsa = KeyPairGenerator.getInstance("DSA");
        store.setKeyEntry("dsa", dsa.generateKeyPair().getPrivate(), keyPassword, new Certificate[] {root});
        store.setCertificateEntry("root", root);
      }
      case "secrets" -> {
        store.setKeyEntry("aes", aes(), keyPassword, null);
        store.setKeyEntry("hmac", new SecretKeySpec(new byte[100], "HmacSHA256"), keyPassword, null);
        // These two are serialised as a KeyRep.
        store.setKeyEntry("des3", SecretKeyFactory.getInstance("DESede").generateSecret(
            new DESedeKeySpec("123456781234567812345678".getBytes())), keyPassword, null);
        store.setKeyEntry("pbe", SecretKeyFactory.getInstance("PBE").generateSecret(
            new PBEKeySpec("a password".toCharArray())), keyPassword, null);
        store.setCertificateEntry("root", root);
      }
      case "odd" -> {
        store.setCertificateEntry("pgp", new OddCertificate("PGP", "not a certificate".getBytes()));
        store.setCertificateEntry("named", new OddCertificate("Bärtig", new byte[0]));
        store.setCertificateEntry("root", root);
      }
      default -> throw new IllegalArgumentException(name);
    }
  }

  static SecretKey aes() throws Exception { return KeyGenerator.getInstance("AES").generateKey(); }

  static void many(KeyStore store, Certificate root, int count) throws Exception {
    byte[] der = root.getEncoded();
    int serialAt = 15;  // two headers, the version (5), and the serial number's own header
    for (int i = 0; i < count; ++i) {
      store.setCertificateEntry("certificate number " + i, numbered(der, serialAt, i));
    }
  }

  static void make(String name, String type, char[] password, char[] keyPassword) throws Exception {
    Path file = dir.resolve(name + ".store");
    switch (name) {
      case "jks-v1" -> { Files.write(file, versionOne(dir.resolve("jks-keys.store"), password)); return; }
      case "jks-twice" -> { Files.write(file, twice(password)); return; }
      case "jceks-plain" -> {
        SecretKeySpec key = new SecretKeySpec("0123456789abcdef".getBytes(), "AES");
        Files.write(file, sealed(plainSeal(key, keyPassword), password));
        return;
      }
      case "jceks-hostile" -> { Files.write(file, sealed(new ArrayList<>(List.of("x")), password)); return; }
      case "jceks-inside" -> {
        Files.write(file, sealed(plainSeal(new ArrayList<>(List.of("x")), keyPassword), password));
        return;
      }
      case "jceks-salt" -> { Files.write(file, equalSaltHalves(password, keyPassword)); return; }
      default -> {}
    }
    KeyStore store = KeyStore.getInstance(type);
    store.load(null, null);
    fill(store, name, keyPassword);
    try (var out = Files.newOutputStream(file)) { store.store(out, password); }
  }

  // ---- files that no JDK of today writes, by hand

  static byte[] digested(byte[] content, char[] password) throws Exception {
    MessageDigest sha = MessageDigest.getInstance("SHA-1");
    sha.update(new String(password).getBytes(StandardCharsets.UTF_16BE));
    sha.update("Mighty Aphrodite".getBytes());
    byte[] digest = sha.digest(content);
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.write(content);
    all.write(digest);
    return all.toByteArray();
  }

  // A store of version 2 without the certificates' types.
  static byte[] versionOne(Path versionTwo, char[] password) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    try (DataInputStream in = new DataInputStream(new FileInputStream(versionTwo.toFile()))) {
      out.writeInt(in.readInt());
      in.readInt();
      out.writeInt(1);
      int count = in.readInt();
      out.writeInt(count);
      for (int i = 0; i < count; ++i) {
        int tag = in.readInt();
        out.writeInt(tag);
        out.writeUTF(in.readUTF());
        out.writeLong(in.readLong());
        int certificates = 1;
        if (tag == 1) {
          copyBlock(in, out);
          certificates = in.readInt();
          out.writeInt(certificates);
        }
        for (int j = 0; j < certificates; ++j) {
          in.readUTF();
          copyBlock(in, out);
        }
      }
    }
    return digested(bytes.toByteArray(), password);
  }

  static void copyBlock(DataInputStream in, DataOutputStream out) throws Exception {
    byte[] block = new byte[in.readInt()];
    in.readFully(block);
    out.writeInt(block.length);
    out.write(block);
  }

  static DataOutputStream header(ByteArrayOutputStream bytes, int magic, int count) throws Exception {
    DataOutputStream out = new DataOutputStream(bytes);
    out.writeInt(magic);
    out.writeInt(2);
    out.writeInt(count);
    return out;
  }

  static void put(DataOutputStream out, int tag, String alias) throws Exception {
    out.writeInt(tag);
    out.writeUTF(alias);
    out.writeLong(1700000000000L);
  }

  static void put(DataOutputStream out, Certificate one) throws Exception {
    out.writeUTF(one.getType());
    out.writeInt(one.getEncoded().length);
    out.write(one.getEncoded());
  }

  static byte[] twice(char[] password) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = header(bytes, 0xfeedfeed, 4);
    String[] files = {"root.crt", "issuing.crt", "leaf.crt", "rsa.crt"}, aliases = {"a", "same", "b", "same"};
    for (int i = 0; i < 4; ++i) {
      put(out, 2, aliases[i]);
      put(out, certificate(files[i]));
    }
    return digested(bytes.toByteArray(), password);
  }

  static Cipher cipher(char[] keyPassword, byte[] salt) throws Exception {
    Cipher cipher = Cipher.getInstance("PBEWithMD5AndTripleDES");
    cipher.init(Cipher.ENCRYPT_MODE, SecretKeyFactory.getInstance("PBEWithMD5AndTripleDES")
        .generateSecret(new PBEKeySpec(keyPassword)), new PBEParameterSpec(salt, 1000));
    return cipher;
  }

  // As the first JCEs wrote it: the public class itself, not SunJCE's own.
  static SealedObject plainSeal(Serializable object, char[] keyPassword) throws Exception {
    return new SealedObject(object, cipher(keyPassword, new byte[] {1, 2, 3, 4, 5, 6, 7, 8}));
  }

  static byte[] sealed(Object object, char[] password) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = header(bytes, 0xcececece, 1);
    put(out, 3, "secret");
    new ObjectOutputStream(out).writeObject(object);
    return digested(bytes.toByteArray(), password);
  }

  static byte[] der(int tag, byte[]... parts) throws Exception {
    ByteArrayOutputStream content = new ByteArrayOutputStream(), out = new ByteArrayOutputStream();
    for (byte[] part : parts) content.write(part);
    out.write(tag);
    if (content.size() > 127) out.write(0x82);
    if (content.size() > 127) out.write(content.size() >> 8);
    out.write(content.size());
    out.write(content.toByteArray());
    return out.toByteArray();
  }

  static byte[] equalSaltHalves(char[] password, char[] keyPassword) throws Exception {
    Cipher cipher = cipher(keyPassword, new byte[] {1, 2, 3, 4, 1, 2, 3, 4});
    byte[] encrypted = cipher.doFinal(Files.readAllBytes(dir.resolve("leaf.p8")));
    // EncryptedPrivateKeyInfo with the object identifier that only SunJCE itself can write: 1.3.6.1.4.1.42.2.19.1.
    byte[] oid = HexFormat.of().parseHex("06092b060104012a021301");
    // The cipher's own parameters have the first half turned round already.
    byte[] salt = {1, 2, 3, 4, 1, 2, 3, 4}, iterations = {0x03, (byte) 0xe8};
    byte[] parameters = der(0x30, der(0x04, salt), der(0x02, iterations));
    byte[] info = der(0x30, der(0x30, oid, parameters), der(0x04, encrypted));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = header(bytes, 0xcececece, 1);
    put(out, 1, "key");
    out.writeInt(info.length);
    out.write(info);
    out.writeInt(1);
    put(out, certificate("leaf.crt"));
    return digested(bytes.toByteArray(), password);
  }

  // ---- lower case, as aliases are folded

  static void lowerCase() throws Exception {
    List<String> lines = new ArrayList<>();
    for (int point = 0; point <= Character.MAX_CODE_POINT; ++point) {
      if (point >= 0xd800 && point < 0xe000) continue;
      String one = Character.toString(point), lower = one.toLowerCase(Locale.ENGLISH);
      if (!lower.equals(one)) lines.add(hex(one) + " " + hex(lower));
    }
    String[] parts = {"A", "z", "Σ", "Σ", "Σ", "σ", "Ά", "1", ".", "-", "'", "_", " ", "/", ",", ":", "é", "Я", "\u0301",
                      "İ", "字", "@", "\""};
    Random random = new Random(3);
    for (int i = 0; i < 20000; ++i) {
      StringBuilder text = new StringBuilder();
      for (int j = 1 + random.nextInt(9); j > 0; --j) text.append(parts[random.nextInt(parts.length)]);
      lines.add(hex(text.toString()) + " " + hex(text.toString().toLowerCase(Locale.ENGLISH)));
    }
    Files.write(dir.resolve("lower.txt"), lines);
  }
}
