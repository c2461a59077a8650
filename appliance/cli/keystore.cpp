// chancery keystore …: the rows of the command table.
#include "appliance/cli/command.h"
#include "appliance/cli/keystore_commands.h"

namespace chancery::cli {
namespace {

constexpr std::string_view kTypes = "JKS|JCEKS|PKCS12|BKS|BCFKS";

constexpr Option kKeystore{.name = "--keystore",
                           .value = "FILE",
                           .help = "the keystore; its type is found from its content",
                           .kind = "file",
                           .required = true};
constexpr Option kStorepassFile{.name = "--storepass-file",
                                .value = "FILE",
                                .help = "the store's password (- is stdin); asked for where it is needed",
                                .kind = "file"};
constexpr Option kStorepassEnv{
    .name = "--storepass-env", .value = "VARIABLE", .help = "the same from an environment variable"};
constexpr Option kStorepass{
    .name = "--storepass", .value = "PASSWORD", .help = "the same, in clear: everybody on this machine can see it"};
constexpr Option kType{.name = "--type", .value = "TYPE", .help = "refuse a store of another type", .kind = kTypes};
constexpr Option kKeypassFile{.name = "--keypass-file",
                              .value = "FILE",
                              .help = "the key's password, where it is not the store's",
                              .kind = "file"};
constexpr Option kKeypassEnv{
    .name = "--keypass-env", .value = "VARIABLE", .help = "the same from an environment variable"};
constexpr Option kKeypass{.name = "--keypass", .value = "PASSWORD", .help = "the same, in clear"};
constexpr Option kNewStorepassFile{.name = "--new-storepass-file",
                                   .value = "FILE",
                                   .help = "the new password; asked for twice without",
                                   .kind = "file"};
constexpr Option kNewStorepassEnv{
    .name = "--new-storepass-env", .value = "VARIABLE", .help = "the same from an environment variable"};
constexpr Option kNewStorepass{.name = "--new-storepass", .value = "PASSWORD", .help = "the same, in clear"};
constexpr Option kDryRun{.name = "--dry-run", .value = "", .help = "try everything and change nothing"};
constexpr Option kNoBackup{.name = "--no-backup", .value = "", .help = "keep no backup set of the file as it was"};
constexpr Option kPartHardLinks{.name = "--part-hard-links",
                                .value = "",
                                .help = "replace a file that has other names, which keep the old contents"};
constexpr Option kAbsentIntegrity{.name = "--accept-absent-integrity",
                                  .value = "",
                                  .help = "take a PKCS12 whose MAC is missing: somebody may have altered it"};
constexpr Option kPassphraseFile{.name = "--passphrase-file",
                                 .value = "FILE",
                                 .help = "of an encrypted key or PKCS#12 in the input (- is stdin)",
                                 .kind = "file"};
constexpr Option kPassphraseEnv{
    .name = "--passphrase-env", .value = "VARIABLE", .help = "the same from an environment variable"};

constexpr Option kListOptions[] = {
    kKeystore,
    kStorepassFile,
    kStorepassEnv,
    kStorepass,
    kType,
    kAbsentIntegrity,
    {.name = "--alias", .value = "ALIAS", .help = "only this entry", .repeated = true},
    {.name = "--fingerprints", .value = "", .help = "date and SHA-256 instead of what the certificates say"}};
constexpr Example kListExamples[] = {
    {"chancery keystore list --keystore /etc/ssl/certs/java/cacerts", "whom Java trusts here, without any password"},
    {"chancery keystore list --keystore server.p12 --storepass-file pass --json", "the same for scripts"}};

constexpr Option kVerifyOptions[] = {kKeystore,    kStorepassFile, kStorepassEnv, kStorepass,      kType,
                                     kKeypassFile, kKeypassEnv,    kKeypass,      kAbsentIntegrity};
constexpr Example kVerifyExamples[] = {{"chancery keystore verify --keystore server.jks --storepass-file pass",
                                        "integrity, keys that fit, dates, weak algorithms, what Java cannot see"}};

constexpr Option kImportOptions[] = {
    kKeystore,
    {.name = "--file",
     .value = "FILE",
     .help = "certificates in PEM, DER, PKCS#7 or PKCS#12, or a key with its chain (- is stdin)",
     .kind = "file",
     .repeated = true},
    {.name = "--key", .value = "FILE", .help = "a private key whose certificates are in --file", .kind = "file"},
    {.name = "--alias", .value = "ALIAS", .help = "ALIAS, ALIAS-2, …; without it derived from the subjects"},
    kStorepassFile,
    kStorepassEnv,
    kStorepass,
    kPassphraseFile,
    kPassphraseEnv,
    kKeypassFile,
    kKeypassEnv,
    kKeypass,
    {.name = "--type", .value = "TYPE", .help = "of a store that is made now (PKCS12)", .kind = kTypes},
    {.name = "--duplicates", .value = "", .help = "also certificates that are there under another alias"},
    {.name = "--renew", .value = "", .help = "give the key under --alias these certificates"},
    kAbsentIntegrity,
    kNoBackup,
    kPartHardLinks,
    kDryRun};
constexpr Example kImportExamples[] = {
    {"chancery keystore import --keystore trust.jks --file root.crt --alias corp-root --storepass-file pass",
     "one certificate under a name"},
    {"chancery keystore import --keystore trust.jks --file bundle.pem --storepass-file pass",
     "every certificate of a bundle, named by its subject"},
    {"chancery keystore import --keystore server.p12 --file chain.pem --key server.key --alias server",
     "a key with its chain, put in order; the keystore is made where there is none"}};

constexpr Option kExportOptions[] = {
    kKeystore,
    {.name = "--alias", .value = "ALIAS", .help = "the entry", .required = true},
    {.name = "--output", .value = "FILE", .help = "a new file (- is stdout, and the default)", .kind = "file"},
    {.name = "--format", .value = "FORMAT", .help = "pem (the default) or der", .kind = "pem|der"},
    {.name = "--chain", .value = "", .help = "all certificates of a key's chain, leaf first"},
    {.name = "--private-key", .value = "", .help = "the key, as PKCS#8 under a passphrase; with --chain before it"},
    {.name = "--passphrase-file", .value = "FILE", .help = "the passphrase that the key gets", .kind = "file"},
    {.name = "--passphrase-env", .value = "VARIABLE", .help = "the same from an environment variable"},
    {.name = "--clear", .value = "", .help = "the key without a passphrase, for anybody to read"},
    kStorepassFile,
    kStorepassEnv,
    kStorepass,
    kKeypassFile,
    kKeypassEnv,
    kKeypass,
    kType,
    kAbsentIntegrity,
    kDryRun};
constexpr Example kExportExamples[] = {
    {"chancery keystore export --keystore trust.jks --alias corp-root", "the certificate, as PEM"},
    {"chancery keystore export --keystore server.p12 --alias server --private-key --chain --output server.pem "
     "--storepass-file pass --passphrase-file new",
     "key and chain for a server that is not Java"}};

constexpr Option kDeleteOptions[] = {
    kKeystore,        {.name = "--alias", .value = "ALIAS", .help = "the entry", .repeated = true, .required = true},
    kStorepassFile,   kStorepassEnv,
    kStorepass,       kType,
    kAbsentIntegrity, kNoBackup,
    kPartHardLinks,   kDryRun};
constexpr Example kDeleteExamples[] = {
    {"chancery keystore delete --keystore trust.jks --alias corp-root --storepass-file pass",
     "Java does not trust it any more"}};

constexpr Option kRenameOptions[] = {kKeystore,
                                     {.name = "--alias", .value = "OLD", .help = "the entry", .required = true},
                                     {.name = "--to", .value = "NEW", .help = "its new alias", .required = true},
                                     kStorepassFile,
                                     kStorepassEnv,
                                     kStorepass,
                                     kType,
                                     kAbsentIntegrity,
                                     kNoBackup,
                                     kPartHardLinks,
                                     kDryRun};
constexpr Example kRenameExamples[] = {
    {"chancery keystore rename --keystore trust.jks --alias mykey --to corp-root --storepass-file pass",
     "the same entry under another name"}};

constexpr Option kPasswdOptions[] = {
    kKeystore,
    kStorepassFile,
    kStorepassEnv,
    kStorepass,
    kNewStorepassFile,
    kNewStorepassEnv,
    kNewStorepass,
    {.name = "--keys-too", .value = "", .help = "keys under the old password too (in a PKCS12 always)"},
    {.name = "--alias", .value = "ALIAS", .help = "change the password of this key instead"},
    kKeypassFile,
    kKeypassEnv,
    kKeypass,
    {.name = "--new-keypass-file", .value = "FILE", .help = "with --alias: its new password", .kind = "file"},
    {.name = "--new-keypass-env", .value = "VARIABLE", .help = "the same from an environment variable"},
    {.name = "--new-keypass", .value = "PASSWORD", .help = "the same, in clear"},
    kType,
    kAbsentIntegrity,
    kNoBackup,
    kPartHardLinks,
    kDryRun};
constexpr Example kPasswdExamples[] = {
    {"chancery keystore passwd --keystore trust.jks", "asks for the present password and twice for the new one"},
    {"chancery keystore passwd --keystore server.jks --alias server --storepass-file pass --new-keypass-file pass",
     "gives a key the password of its store"}};

constexpr Option kConvertOptions[] = {
    kKeystore,
    {.name = "--type", .value = "TYPE", .help = "the type to convert into", .kind = kTypes, .required = true},
    {.name = "--output",
     .value = "FILE",
     .help = "a new file; without it the keystore itself is replaced",
     .kind = "file"},
    kStorepassFile,
    kStorepassEnv,
    kStorepass,
    {.name = "--new-storepass-file", .value = "FILE", .help = "another password for the new store", .kind = "file"},
    kNewStorepassEnv,
    kNewStorepass,
    kKeypassFile,
    kKeypassEnv,
    kKeypass,
    kAbsentIntegrity,
    kNoBackup,
    kPartHardLinks,
    kDryRun};
constexpr Example kConvertExamples[] = {
    {"chancery keystore convert --keystore old.jks --type PKCS12 --output new.p12 --storepass-file pass",
     "certificates and keys, sealed as today's Java does"}};

constexpr Command kKeystoreCommands[] = {
    {.path = "keystore list",
     .doing = "list the keystore",
     .summary = "what is in a Java keystore",
     .description = "JKS, JCEKS, PKCS12, BKS, UBER and BCFKS. Without a password it lists what can be read, and says "
                    "that nobody checked whether the file was changed.",
     .positionals = {},
     .options = kListOptions,
     .examples = kListExamples,
     .run = run_keystore_list},
    {.path = "keystore import",
     .doing = "import into the keystore",
     .summary = "take certificates, or a key with its chain, into a keystore",
     .description =
         "Every certificate of a bundle is taken. One that is there already is reported and not taken again; "
         "an alias that is taken is an error, and nothing changes. The file as it was goes into a backup set.",
     .positionals = {},
     .options = kImportOptions,
     .examples = kImportExamples,
     .run = run_keystore_import},
    {.path = "keystore export",
     .doing = "export from the keystore",
     .summary = "a certificate, chain or key out of a keystore",
     .description = "Certificates leave byte for byte. A key leaves under a passphrase unless --clear is said.",
     .positionals = {},
     .options = kExportOptions,
     .examples = kExportExamples,
     .run = run_keystore_export},
    {.path = "keystore delete",
     .doing = "delete from the keystore",
     .summary = "remove entries from a keystore",
     .description = "All named entries or none. `chancery backup restore` brings the file back as it was.",
     .positionals = {},
     .options = kDeleteOptions,
     .examples = kDeleteExamples,
     .run = run_keystore_delete},
    {.path = "keystore rename",
     .doing = "rename an entry of the keystore",
     .summary = "give an entry another alias",
     .description = "JKS, JCEKS and PKCS12 keep aliases in lower case, as Java does.",
     .positionals = {},
     .options = kRenameOptions,
     .examples = kRenameExamples,
     .run = run_keystore_rename},
    {.path = "keystore passwd",
     .doing = "change the password of the keystore",
     .summary = "change the password of a keystore, or of a key in it",
     .description = "The present password is needed. As with keytool, keys of a PKCS12 follow the store's password; in "
                    "the other types they have their own and keep it unless --keys-too is said.",
     .positionals = {},
     .options = kPasswdOptions,
     .examples = kPasswdExamples,
     .run = run_keystore_passwd},
    {.path = "keystore convert",
     .doing = "convert the keystore",
     .summary = "one type of keystore into another",
     .description =
         "Into JKS, JCEKS, PKCS12, BKS or BCFKS. Keys are sealed anew under the new store's password. Aliases "
         "that the new type takes for one get a number; an entry that it cannot hold stops the conversion.",
     .positionals = {},
     .options = kConvertOptions,
     .examples = kConvertExamples,
     .run = run_keystore_convert},
    {.path = "keystore verify",
     .doing = "verify the keystore",
     .summary = "what is odd about a keystore",
     .description =
         "Integrity, certificates that cannot be decoded, keys that are not their certificate's, dates, weak "
         "algorithms, duplicates, and what Java itself cannot see or read. Exit 1 when something is wrong.",
     .positionals = {},
     .options = kVerifyOptions,
     .examples = kVerifyExamples,
     .run = run_keystore_verify},
};

}  // namespace

std::span<const Command> keystore_commands() { return kKeystoreCommands; }

}  // namespace chancery::cli
