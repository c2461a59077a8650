// chancery finder and chancery probe: rows of the command table.
#include "appliance/cli/command.h"
#include "appliance/cli/network_commands.h"

namespace chancery::cli {
namespace {

constexpr Option kFinderOptions[] = {
    {.name = "--portal", .value = "HOST:PORT", .help = "the portal to ask first"},
    {.name = "--engine", .value = "HOST:PORT", .help = "the engine's Web API", .required = true},
    {.name = "--name", .value = "NAME", .help = "the engine's name, where HOST is an address"},
    {.name = "--portal-name", .value = "NAME", .help = "the same for the portal"},
    {.name = "--trust",
     .value = "FILE",
     .help = "only these roots, not the operating system's",
     .kind = "file",
     .repeated = true},
    {.name = "--continue-anyway", .value = "", .help = "go on past a failed validation without asking"}};
constexpr Example kFinderExamples[] = {
    {"chancery finder --portal portal.example.com:443 --engine engine1.example.com:443",
     "as a person at an endpoint would"},
    {"chancery finder --engine 192.0.2.7:1671 --name engine1.example.com --trust root.crt",
     "by address, with a root of your own"}};

constexpr Positional kAddress[] = {{.name = "HOST:PORT", .help = "the server; port 443 where none is given"}};
constexpr Option kProbeOptions[] = {
    {.name = "--name", .value = "NAME", .help = "the name its certificate must answer to, where HOST is another"},
    {.name = "--trust",
     .value = "FILE",
     .help = "only these roots; else this appliance's, or the operating system's",
     .kind = "file",
     .repeated = true},
    {.name = "--starttls",
     .value = "PROTOCOL",
     .help = "begin in clear, as these protocols do",
     .kind = "smtp|ldap|postgres"}};
constexpr Example kProbeExamples[] = {
    {"chancery probe portal.example.com:443",
     "name, TCP, TLS, chain, trust, names, expiry: where does it fail, and why?"},
    {"chancery probe 192.0.2.9:5432 --starttls postgres --name db.example.com", "a PostgreSQL server"}};

constexpr Command kNetworkCommands[] = {
    {.path = "probe",
     .doing = "probe the server",
     .summary = "diagnose a server step by step",
     .description = "Connects as a client would and explains each step: name resolution, TCP, TLS, client certificate, "
                    "chain, trust, names, expiry. Exit 1 where one fails.",
     .positionals = kAddress,
     .options = kProbeOptions,
     .examples = kProbeExamples,
     .run = run_probe},
    {.path = "finder",
     .doing = "reach the engine",
     .summary = "ask portal and engine as a person would",
     .description =
         "Validates each with the operating system's trust store. Where that fails it says so and asks before "
         "it goes on; without a terminal it goes on only with --continue-anyway.",
     .positionals = {},
     .options = kFinderOptions,
     .examples = kFinderExamples,
     .run = run_finder},
};

}  // namespace

std::span<const Command> network_commands() { return kNetworkCommands; }

}  // namespace chancery::cli
