import java.io.FileInputStream;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Set;

/** PKIX as every Java client does it: root intermediate leaf. */
class VerifyChain {
  public static void main(String[] files) throws Exception {
    CertificateFactory factory = CertificateFactory.getInstance("X.509");
    X509Certificate[] read = new X509Certificate[files.length];
    for (int at = 0; at < files.length; ++at) {
      try (FileInputStream in = new FileInputStream(files[at])) {
        read[at] = (X509Certificate) factory.generateCertificate(in);
      }
    }
    PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(read[0], null)));
    parameters.setRevocationEnabled(false);
    CertPathValidator.getInstance("PKIX").validate(factory.generateCertPath(List.of(read[2], read[1])), parameters);
  }
}
