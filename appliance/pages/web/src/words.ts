// How things are said: times, names, numbers.
export function commonName(name: string): string {
  const found = /(?:^|,)\s*CN=((?:\\.|[^,\\])*)/.exec(name);
  return (found?.[1] ?? name).replace(/\\(.)/g, "$1") || "(no name)";
}

const day = 86_400_000;
export const daysUntil = (time: string) => Math.floor((Date.parse(time) - Date.now()) / day);

export function inDays(days: number): string {
  if (days < 0) return days === -1 ? "has ended" : `ended ${-days} days ago`;
  if (days === 0) return "ends today";
  if (days === 1) return "1 day left";
  if (days > 730) return `${Math.round(days / 365)} years left`;
  return `${days} days left`;
}

export type Tone = "good" | "warn" | "bad" | "plain";
export const toneOfDays = (days: number): Tone => (days < 7 ? "bad" : days < 30 ? "warn" : "good");

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const localDay = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
export const localTime = (time: string) => local.format(new Date(time));
export const localDate = (time: string) => localDay.format(new Date(time));
export const utc = (time: string) => time.replace("T", " ").replace("Z", " UTC");

export function ago(time: string): string {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(time)) / 1000));
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${plural(Math.floor(seconds / 86_400), "day")} ago`;
}

export const plural = (count: number, one: string, many = one + "s") => `${count} ${count === 1 ? one : many}`;
export const colons = (hex: string) => hex.toUpperCase().replace(/(..)(?=.)/g, "$1:");

const identityTitles: Record<string, string> = {
  console: "Console", portal: "Portal", engine: "Engine", "portal-collector": "Portal, collectors' custom port",
  "engine-collector": "Engine, collectors' custom port", member: "Member (between appliances)", "authority-tls": "Authority (joining)",
};
export const titleOf = (identity: string) => identityTitles[identity] ?? identity;
export const isCustomPort = (identity: string) => identity.endsWith("-collector");
// Those that people replace; the others are the federation's own.
export const isReplaceable = (identity: string) => identity !== "member" && identity !== "authority-tls";
export const groupOf = (role: string) => (role === "primary" ? ["console", "portal"] : role === "secondary" ? ["console", "engine"] : ["console", "portal", "engine"]);

const verbTitles: Record<string, string> = {
  "cert-replace": "Replace certificates", "cert-reset": "Reset to the default certificate", "cert-csr": "Make a signing request",
  "backup-restore": "Restore a backup", "backup-import": "Import a backup", "backup-export": "Export a backup", "backup-prune": "Remove old backups",
  "generation-rollback": "Go back to a generation", "generation-adopt": "Adopt edits by hand", "generation-undo": "Undo edits by hand", "generation-purge": "Purge a key",
  "trust-append": "Add trusted certificates", "trust-remove": "Remove a trusted certificate", "federation-token": "Make a join token",
  "federation-tokens-revoke": "Revoke a join token", "federation-join": "Join the federation", "federation-remove": "Remove a member", "federation-renew": "Renew certificates",
  "federation-rotate-prepare": "Prepare a new root", "federation-rotate-activate": "Activate the new root", "federation-rotate-retire": "Retire the former root",
  "profile-set": "Change a profile", "endpoint-set": "Change an endpoint", "consumer-set": "Change a consumer", "member-joined": "A member joined", init: "Set up",
  "keystore-put": "Change a keystore", "certificates-renewed": "Certificates renewed", "sign-in": "Sign-in", resolve: "Resolve a change in doubt",
};
export const verbTitle = (verb: string) => verbTitles[verb] ?? verb.replaceAll("-", " ");

// Hints are written for the command line; here its options are fields of the page.
const fields: [RegExp, string][] = [
  [/chancery cert csr IDENTITY(?: --\S+ \S+)*/g, "“Signing request” on the certificate's page"], [/chancery cert reset IDENTITY/g, "“Reset” there"],
  [/--also-trust/g, "the option “Also trust the root”"], [/--keep-root/g, "the option “Send the root along”"], [/--intermediate/g, "the intermediate certificates"],
  [/--key(?![\w-])/g, "the private key"], [/--passphrase-file/g, "the passphrase"], [/--accept ([a-z-]+)/g, "the option “Accept $1”"], [/--accept-breakage \w+/g, "the option to replace all the same"],
];
export const forPages = (hint: string) => fields.reduce((text, [option, field]) => text.replace(option, field), hint);
