#include "appliance/serving/device_api.h"

#include <nlohmann/json.hpp>

namespace chancery::serving {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* shared_part = R"json({
  "openapi": "3.1.0",
  "info": {},
  "servers": [{"url": "/"}],
  "paths": {
    "/healthz": {
      "get": {
        "operationId": "health",
        "summary": "Whether it serves",
        "security": [],
        "responses": {
          "200": {
            "description": "It does",
            "content": {"text/plain": {"schema": {"type": "string", "const": "ok\n"}}}
          }
        }
      }
    },
    "/api/v1/openapi.json": {
      "get": {
        "operationId": "description",
        "summary": "This document",
        "security": [],
        "responses": {
          "200": {
            "description": "OpenAPI 3.1",
            "content": {"application/json": {"schema": {"type": "object", "required": ["openapi", "paths"]}}}
          }
        }
      }
    },
    "/api/v1/status": {
      "get": {
        "operationId": "status",
        "security": [],
        "responses": {
          "200": {
            "description": "For anybody",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Status"}}}
          }
        }
      }
    },
    "/api/v1/devices": {
      "get": {
        "operationId": "devices",
        "description": "Filters that are given must all hold.",
        "parameters": [
          {
            "name": "name",
            "in": "query",
            "description": "host name; * and ? are known, case does not count",
            "schema": {"type": "string", "minLength": 1, "maxLength": 256},
            "example": "till-*"
          },
          {
            "name": "os",
            "in": "query",
            "description": "part of the operating system's name, case does not count",
            "schema": {"type": "string", "minLength": 1, "maxLength": 256},
            "example": "debian"
          },
          {
            "name": "version",
            "in": "query",
            "description": "the collector's version",
            "schema": {"type": "string", "minLength": 1, "maxLength": 256},
            "example": "0.0.0"
          },
          {
            "name": "trust",
            "in": "query",
            "schema": {"$ref": "#/components/schemas/Trust"},
            "example": "pinned"
          },
          {
            "name": "tag",
            "in": "query",
            "description": "one of its tags; * and ? are known",
            "schema": {"type": "string", "minLength": 1, "maxLength": 256},
            "example": "shop"
          },
          {
            "name": "root",
            "in": "query",
            "description": "a root that it trusts or holds",
            "schema": {"$ref": "#/components/schemas/Digest"},
            "example": "0000000000000000000000000000000000000000000000000000000000000000"
          },
          {
            "name": "lacks_root",
            "in": "query",
            "description": "a root that it neither trusts nor holds",
            "schema": {"$ref": "#/components/schemas/Digest"},
            "example": "0000000000000000000000000000000000000000000000000000000000000000"
          },
          {"name": "connected", "in": "query", "schema": {"type": "boolean"}, "example": true},
          {
            "name": "seen_since",
            "in": "query",
            "description": "last seen then or later",
            "schema": {"type": "string", "format": "date-time"},
            "example": "2026-01-01T00:00:00Z"
          }
        ],
        "shows": {"schema": "Page", "as": "One page"},
        "responses": {"400": {"$ref": "#/components/responses/Problem"}}
      }
    },
    "/api/v1/devices/{id}": {
      "get": {
        "operationId": "device",
        "summary": "One device",
        "parameters": [
          {"name": "id", "in": "path", "required": true, "schema": {"$ref": "#/components/schemas/Digest"}}
        ],
        "shows": {"schema": "Device", "as": "It"},
        "responses": {"404": {"$ref": "#/components/responses/Problem"}}
      }
    },
    "/api/v1/certificates": {
      "get": {
        "operationId": "certificates",
        "shows": {"schema": "Certificates", "as": "All of them"}
      }
    },
    "/api/v1/summary": {
      "get": {
        "operationId": "summary",
        "shows": {"schema": "Summary", "as": "Counts"}
      }
    }
  },
  "components": {
    "responses": {
      "Problem": {
        "description": "RFC 9457",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
      }
    },
    "schemas": {
      "Digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
      "Trust": {"enum": ["pinned", "operating-system", "none"]},
      "Problem": {
        "type": "object",
        "additionalProperties": false,
        "required": ["type", "status", "code", "title", "detail"],
        "properties": {
          "type": {"type": "string"},
          "status": {"type": "integer", "minimum": 400, "maximum": 599},
          "code": {"type": "string", "pattern": "^[a-z0-9-]+$"},
          "title": {"type": "string"},
          "detail": {"type": "string"}
        }
      },
      "Status": {
        "type": "object",
        "additionalProperties": false,
        "required": ["program"],
        "properties": {"version": {"type": "string"}, "generation": {"type": "integer", "minimum": 1}}
      },
      "Device": {
        "type": "object",
        "additionalProperties": false,
        "required": [
          "id",
          "host",
          "system",
          "addresses",
          "version",
          "trust",
          "trust_roots",
          "presented",
          "tags",
          "customer_key",
          "held_roots",
          "proven_roots",
          "first_seen",
          "last_seen",
          "connected",
          "blocked"
        ],
        "properties": {
          "id": {"description": "SHA-256 of its own public key", "$ref": "#/components/schemas/Digest"},
          "host": {"type": "string"},
          "system": {"type": "string"},
          "addresses": {"type": "array", "items": {"type": "string"}},
          "version": {"type": "string"},
          "trust": {
            "description": "empty before its first report",
            "anyOf": [{"$ref": "#/components/schemas/Trust"}, {"const": ""}]
          },
          "trust_roots": {
            "description": "SHA-256 of the pinned ones, or of the one that anchored",
            "type": "array",
            "items": {"type": "string"}
          },
          "presented": {"description": "SHA-256 of the certificate that it saw here", "type": "string"},
          "tags": {"type": "array", "items": {"type": "string"}},
          "customer_key": {
            "description": "which Customer Key it holds: chancery customer-key status",
            "type": "string"
          },
          "held_roots": {
            "description": "of the federation",
            "type": "array",
            "items": {"$ref": "#/components/schemas/Digest"}
          },
          "proven_roots": {"type": "array", "items": {"$ref": "#/components/schemas/Digest"}},
          "first_seen": {"type": "string", "format": "date-time"},
          "last_seen": {"type": "string", "format": "date-time"},
          "connected": {"type": "boolean"},
          "blocked": {"type": "boolean"}
        }
      },
      "Page": {
        "type": "object",
        "additionalProperties": false,
        "required": ["devices", "next", "total"],
        "properties": {
          "devices": {"type": "array", "items": {"$ref": "#/components/schemas/Device"}},
          "next": {"description": "the cursor of the next page; null on the last"},
          "total": {"type": "integer", "minimum": 0}
        }
      },
      "Certificate": {
        "type": "object",
        "additionalProperties": false,
        "required": [
          "subject",
          "issuer",
          "serial",
          "sans",
          "not_before",
          "not_after",
          "sha256",
          "key",
          "ca",
          "self_issued"
        ],
        "properties": {
          "subject": {"type": "string"},
          "issuer": {"type": "string"},
          "serial": {"type": "string"},
          "sans": {"type": "array", "items": {"type": "string"}},
          "not_before": {"type": "string", "format": "date-time"},
          "not_after": {"type": "string", "format": "date-time"},
          "sha256": {"$ref": "#/components/schemas/Digest"},
          "key": {
            "type": "object",
            "additionalProperties": false,
            "required": ["type", "bits"],
            "properties": {"type": {"type": "string"}, "bits": {"type": "integer", "minimum": 0}}
          },
          "ca": {"type": "boolean"},
          "self_issued": {"type": "boolean"}
        }
      },
      "Identity": {
        "type": "object",
        "additionalProperties": false,
        "required": ["identity", "source", "certificate"],
        "properties": {
          "identity": {"description": "what it is used for: console, portal, engine, member, …", "type": "string"},
          "source": {"description": "empty where no manager says it", "enum": ["default", "custom", ""]},
          "certificate": {"$ref": "#/components/schemas/Certificate"}
        }
      },
      "Certificates": {
        "type": "object",
        "additionalProperties": false,
        "required": ["certificates"],
        "properties": {"certificates": {"type": "array", "items": {"$ref": "#/components/schemas/Identity"}}}
      },
      "Counts": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}},
      "Summary": {
        "type": "object",
        "additionalProperties": false,
        "required": ["total", "connected", "systems", "versions", "trust", "roots", "tags"],
        "properties": {
          "total": {"type": "integer", "minimum": 0},
          "connected": {"type": "integer", "minimum": 0},
          "systems": {"$ref": "#/components/schemas/Counts"},
          "versions": {"$ref": "#/components/schemas/Counts"},
          "trust": {"$ref": "#/components/schemas/Counts"},
          "roots": {
            "description": "by SHA-256: how many trust or hold it",
            "$ref": "#/components/schemas/Counts"
          },
          "tags": {"$ref": "#/components/schemas/Counts"}
        }
      }
    }
  }
})json";

// "shows" of an operation becomes its answers: that document, or a problem for who is not signed in or asks too often.
void spell_out(Json& operation) {
  if (!operation.contains("shows")) return;
  const Json shown = operation["shows"];
  operation.erase("shows");
  const std::string schema = "#/components/schemas/" + shown.at("schema").get<std::string>();
  const Json problem{{"$ref", "#/components/responses/Problem"}};
  Json& answers = operation["responses"];
  answers["200"] = {{"description", shown.at("as")},
                    {"content", {{"application/json", {{"schema", {{"$ref", schema}}}}}}}};
  answers["401"] = problem;
  answers["429"] = problem;
}

void merge(Json& into, const Json& part) {
  for (const auto& [name, value] : part.items()) {
    if (name.ends_with('+')) {
      Json& list = into[name.substr(0, name.size() - 1)];
      list.insert(list.end(), value.begin(), value.end());
    } else if (value.is_object() && into.contains(name) && into[name].is_object()) {
      merge(into[name], value);
    } else {
      into[name] = value;
    }
  }
}

}  // namespace

std::string device_api_description(std::string_view own_part) {
  Json document = Json::parse(shared_part);
  document["info"]["version"] = CHANCERY_VERSION;
  merge(document, Json::parse(own_part));
  for (Json& path : document["paths"]) {
    for (Json& operation : path) spell_out(operation);
  }
  return document.dump(2);
}

}  // namespace chancery::serving
