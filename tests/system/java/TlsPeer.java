// Java's own TLS with a keystore that Chancery wrote.
//   java TlsPeer.java serve STORE TYPE STOREPASS KEYPASS     prints "port N", then answers each connection with "hello"
//   java TlsPeer.java connect STORE TYPE STOREPASS NAME PORT prints "verified SUBJECT" or "refused REASON"
// TYPE may be one of BouncyCastle's when its jar is on the class path.
import java.io.*;
import java.net.*;
import java.nio.charset.StandardCharsets;
import java.security.*;
import java.security.cert.X509Certificate;
import javax.net.ssl.*;

public class TlsPeer {
  static KeyStore load(String file, String type, char[] password) throws Exception {
    if (type.equals("BKS") || type.equals("BCFKS")) {
      Security.addProvider((Provider) Class.forName("org.bouncycastle.jce.provider.BouncyCastleProvider").getDeclaredConstructor().newInstance());
    }
    KeyStore store = KeyStore.getInstance(type);
    try (InputStream in = new FileInputStream(file)) { store.load(in, password); }
    return store;
  }

  public static void main(String[] args) throws Exception {
    KeyStore store = load(args[1], args[2], args[3].toCharArray());
    SSLContext context = SSLContext.getInstance("TLS");
    if (args[0].equals("serve")) {
      KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
      keys.init(store, args[4].toCharArray());
      context.init(keys.getKeyManagers(), null, null);
      ServerSocket server = context.getServerSocketFactory().createServerSocket(0, 16, InetAddress.getLoopbackAddress());
      System.out.println("port " + server.getLocalPort());
      while (true) {
        try (Socket peer = server.accept()) {
          peer.getOutputStream().write("hello\n".getBytes(StandardCharsets.US_ASCII));
        } catch (IOException ignored) {
          // The next one may do better.
        }
      }
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(store);
    context.init(null, trust.getTrustManagers(), null);
    int port = Integer.parseInt(args[5]);
    try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(new Socket("127.0.0.1", port), args[4], port, true)) {
      SSLParameters parameters = socket.getSSLParameters();
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      socket.setSSLParameters(parameters);
      socket.startHandshake();
      System.out.println("verified " + ((X509Certificate) socket.getSession().getPeerCertificates()[0]).getSubjectX500Principal());
    } catch (SSLException refused) {
      System.out.println("refused " + refused.getMessage());
    }
  }
}
