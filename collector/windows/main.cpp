// chancery-trust.exe: a root into Windows' trust store, and out of it, by its fingerprint.
//
//   chancery-trust add --file root.cer --sha256 HEX [--store Root] [--machine|--user] [--json]
//   chancery-trust remove --sha256 HEX … · check --sha256 HEX … · list …
//
// What is added is the certificate of the file with that SHA-256 and nothing else; what is removed is what has it. Exit
// codes as everywhere in Chancery: 0 done, 1 refused or failed and the store is as it was, 2 wrong usage.
#include <fcntl.h>
#include <io.h>
#include <windows.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>

#include "collector/windows/trust_store.h"

namespace chancery::windows {
namespace {

constexpr int refused = 1;
constexpr int wrong_usage = 2;
constexpr const char* usage_text =
    "usage: chancery-trust add    --file FILE --sha256 HEX [--store STORE] [--machine|--user] [--json]\n"
    "       chancery-trust remove --sha256 HEX             [--store STORE] [--machine|--user] [--json]\n"
    "       chancery-trust check  --sha256 HEX             [--store STORE] [--machine|--user] [--json]\n"
    "       chancery-trust list                            [--store STORE] [--machine|--user] [--json]\n"
    "\n"
    "add      takes the certificate of FILE (DER or PEM) that has this SHA-256 into the store; nothing where it is "
    "there\n"
    "remove   takes the certificate with this SHA-256 out; nothing where it is not there\n"
    "check    exit 0 where the store holds it, 1 where it does not\n"
    "list     what the store holds\n"
    "STORE is Root, CA, AuthRoot, TrustedPeople, TrustedPublisher or Disallowed. The machine's stores are meant "
    "unless\n"
    "--user is given; changing them needs an administrator.\n";

enum class Verb { add, remove, check, list };

struct Request {
  Verb verb = Verb::list;
  std::wstring file;
  std::wstring store = L"Root";
  std::string sha256;
  Place place = Place::machine;
  bool is_json = false;
};

Fault usage(const std::string& cause) { return {"usage", cause, "chancery-trust --help shows what it takes"}; }

std::string narrow(const std::wstring& text) {
  std::string out;
  for (const wchar_t c : text) out += c < 0x80 ? static_cast<char>(c) : '?';
  return out;
}

// "AB:CD…" and "abcd…" alike.
std::string fingerprint_from(const std::wstring& text) {
  std::string hex;
  for (const wchar_t c : text) {
    if (c == L':' || c == L' ') continue;
    const bool is_digit = (c >= L'0' && c <= L'9') || (c >= L'a' && c <= L'f') || (c >= L'A' && c <= L'F');
    if (!is_digit) throw usage("--sha256 takes 64 hexadecimal digits");
    hex += static_cast<char>(c >= L'A' && c <= L'F' ? c - L'A' + L'a' : c);
  }
  if (hex.size() != 64) throw usage("--sha256 takes 64 hexadecimal digits");
  return hex;
}

std::optional<Verb> verb_from(const std::wstring& word) {
  if (word == L"add") return Verb::add;
  if (word == L"remove") return Verb::remove;
  if (word == L"check") return Verb::check;
  if (word == L"list") return Verb::list;
  return std::nullopt;
}

Request request_from(int count, wchar_t** words) {
  if (count < 2) throw usage("there is nothing to do");
  Request request;
  const auto verb = verb_from(words[1]);
  if (!verb) throw usage("there is no command \"" + narrow(words[1]) + "\"");
  request.verb = *verb;
  for (int at = 2; at < count; ++at) {
    const std::wstring word = words[at];
    const auto value = [&]() -> std::wstring {
      if (at + 1 >= count) throw usage(narrow(word) + " needs a value");
      return words[++at];
    };
    if (word == L"--file") {
      request.file = value();
    } else if (word == L"--store") {
      request.store = value();
    } else if (word == L"--sha256") {
      request.sha256 = fingerprint_from(value());
    } else if (word == L"--user") {
      request.place = Place::user;
    } else if (word == L"--machine") {
      request.place = Place::machine;
    } else if (word == L"--json") {
      request.is_json = true;
    } else {
      throw usage("there is no option \"" + narrow(word) + "\"");
    }
  }
  if (request.verb != Verb::list && request.sha256.empty()) throw usage("--sha256 is missing");
  if (request.verb == Verb::add && request.file.empty()) throw usage("--file is missing");
  if (!is_trust_store(request.store)) throw usage("there is no trust store \"" + narrow(request.store) + "\"");
  return request;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += std::string("\\") + c;
    } else if (byte < 0x20 || byte == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string json_of(const Entry& entry) {
  return "{\"sha256\":" + quoted(entry.sha256) + ",\"subject\":" + quoted(entry.subject) +
         ",\"issuer\":" + quoted(entry.issuer) + ",\"not_before\":" + quoted(entry.not_before) +
         ",\"not_after\":" + quoted(entry.not_after) + "}";
}

void say(const std::string& text) { std::fputs((text + "\n").c_str(), stdout); }

std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return text;
}

void tell(const Request& request, const char* outcome, const std::string& words) {
  if (request.is_json) {
    say(std::string("{\"outcome\":") + quoted(outcome) + ",\"store\":" + quoted(narrow(request.store)) + ",\"place\":" +
        (request.place == Place::machine ? "\"machine\"" : "\"user\"") + ",\"sha256\":" + quoted(request.sha256) + "}");
  } else {
    say(std::string(outcome) + ": " + words);
  }
}

Entry wanted_entry(const Request& request) {
  const std::vector<Entry> found = read_certificates(request.file);
  const auto match = std::ranges::find(found, request.sha256, &Entry::sha256);
  if (match != found.end()) return *match;
  throw Fault{"fingerprint-mismatch",
              "the certificate in this file is another one: its SHA-256 is " + found.front().sha256,
              "compare with what the primary says: chancery authority root"};
}

int add(const Request& request) {
  const Entry entry = wanted_entry(request);
  const bool is_new = TrustStore(request.store, request.place, Access::change).add(entry);
  // Another look, by a store of its own, once that is closed: what counts is what others see.
  if (!TrustStore(request.store, request.place, Access::look).holds(request.sha256)) {
    throw Fault{"store-failed", "Windows took the certificate and does not show it",
                "a policy may forbid additions here: look with certlm.msc or certmgr.msc"};
  }
  const std::string subject = printable(entry.subject);
  tell(request, is_new ? "done" : "unchanged", subject + (is_new ? " is trusted now" : " was there already"));
  return 0;
}

int remove(const Request& request) {
  const bool was_there = TrustStore(request.store, request.place, Access::change).remove(request.sha256);
  if (TrustStore(request.store, request.place, Access::look).holds(request.sha256)) {
    throw Fault{"store-failed", "Windows still shows the certificate: it comes from another place, such as a policy",
                "take it out where it was put in (a group policy), or name its store"};
  }
  tell(request, was_there ? "done" : "unchanged",
       was_there ? "the certificate is trusted here no more" : "no such certificate was there");
  return 0;
}

int check(const Request& request) {
  const bool is_there = TrustStore(request.store, request.place, Access::look).holds(request.sha256);
  tell(request, is_there ? "present" : "absent", request.sha256);
  return is_there ? 0 : refused;
}

int list(const Request& request) {
  std::string rows;
  for (const Entry& each : TrustStore(request.store, request.place, Access::look).entries()) {
    if (!request.is_json) {
      say(each.sha256 + "  " + each.not_after.substr(0, 10) + "  " + printable(each.subject));
      continue;
    }
    rows += (rows.empty() ? "" : ",") + json_of(each);
  }
  if (request.is_json) {
    say("{\"store\":" + quoted(narrow(request.store)) + ",\"place\":" +
        (request.place == Place::machine ? "\"machine\"" : "\"user\"") + ",\"certificates\":[" + rows + "]}");
  }
  return 0;
}

int fail(const Fault& fault, const char* doing, bool is_json) {
  if (is_json) {
    say("{\"error\":{\"code\":" + quoted(fault.code) + ",\"message\":" + quoted(fault.cause) +
        ",\"hint\":" + quoted(fault.hint) + "}}");
  } else {
    std::fprintf(stderr, "chancery-trust: failed to %s: %s\nhint: %s\n", doing, fault.cause.c_str(),
                 fault.hint.c_str());
  }
  return fault.code == "usage" ? wrong_usage : refused;
}

const char* doing(const Request& request) {
  switch (request.verb) {
    case Verb::add:
      return "add the certificate";
    case Verb::remove:
      return "remove the certificate";
    case Verb::check:
      return "look for the certificate";
    default:
      return "list the store";
  }
}

int run(int count, wchar_t** words) {
  const bool wants_help = count == 2 && (std::wstring(words[1]) == L"--help" || std::wstring(words[1]) == L"/?");
  if (wants_help) {
    std::fputs(usage_text, stdout);
    return 0;
  }
  Request request;
  try {
    request = request_from(count, words);
  } catch (const Fault& fault) {
    return fail(fault, "understand the command line", false);
  }
  try {
    switch (request.verb) {
      case Verb::add:
        return add(request);
      case Verb::remove:
        return remove(request);
      case Verb::check:
        return check(request);
      default:
        return list(request);
    }
  } catch (const Fault& fault) {
    return fail(fault, doing(request), request.is_json);
  } catch (const std::exception& error) {
    return fail({"failed", error.what(), "free some memory and try again"}, doing(request), request.is_json);
  }
}

}  // namespace
}  // namespace chancery::windows

int wmain(int count, wchar_t** words) {
  _setmode(_fileno(stdout), _O_BINARY);  // UTF-8 and LF, as the other programs
  return chancery::windows::run(count, words);
}
