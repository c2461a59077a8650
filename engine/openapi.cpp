#include "engine/openapi.h"

namespace chancery::engine {

namespace {

// "@VERSION@" is filled in.
constexpr const char* document = R"json({
  "openapi": "3.1.0",
  "info": {
    "title": "Chancery engine",
    "version": "@VERSION@",
    "summary": "The endpoints of one engine, and what they report",
    "description": "Over HTTPS. Devices are shown to the administrator (HTTP Basic) and to the portal of the federation, which presents its member certificate (ALPN chancery-member/1). All errors are problem documents (RFC 9457)."
  },
  "servers": [{"url": "/"}],
  "security": [{"administrator": []}, {"member": []}],
  "paths": {
    "/healthz": {
      "get": {
        "operationId": "health",
        "summary": "Whether it serves",
        "security": [],
        "responses": {
          "200": {"description": "It does", "content": {"text/plain": {"schema": {"type": "string", "const": "ok\n"}}}}
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
        "summary": "What runs here, and how many devices there are",
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
        "summary": "Devices, by id, page by page",
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
          {"name": "trust", "in": "query", "schema": {"$ref": "#/components/schemas/Trust"}, "example": "pinned"},
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
          {"name": "connected", "in": "query", "schema": {"type": "boolean"}, "example": true},
          {
            "name": "seen_since",
            "in": "query",
            "description": "last seen then or later",
            "schema": {"type": "string", "format": "date-time"},
            "example": "2026-01-01T00:00:00Z"
          },
          {
            "name": "cursor",
            "in": "query",
            "description": "\"next\" of the page before",
            "schema": {"$ref": "#/components/schemas/Digest"},
            "example": "0000000000000000000000000000000000000000000000000000000000000000"
          },
          {
            "name": "limit",
            "in": "query",
            "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
            "example": 10
          }
        ],
        "responses": {
          "200": {"description": "One page", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}}},
          "400": {"$ref": "#/components/responses/Problem"},
          "401": {"$ref": "#/components/responses/Problem"},
          "429": {"$ref": "#/components/responses/Problem"}
        }
      }
    },
    "/api/v1/devices/{id}": {
      "get": {
        "operationId": "device",
        "summary": "One device",
        "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"$ref": "#/components/schemas/Digest"}}],
        "responses": {
          "200": {"description": "It", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Device"}}}},
          "401": {"$ref": "#/components/responses/Problem"},
          "404": {"$ref": "#/components/responses/Problem"},
          "429": {"$ref": "#/components/responses/Problem"}
        }
      }
    },
    "/api/v1/summary": {
      "get": {
        "operationId": "summary",
        "summary": "How many devices of which kind",
        "responses": {
          "200": {
            "description": "Counts",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Summary"}}}
          },
          "401": {"$ref": "#/components/responses/Problem"},
          "429": {"$ref": "#/components/responses/Problem"}
        }
      }
    }
  },
  "components": {
    "securitySchemes": {
      "administrator": {"type": "http", "scheme": "basic"},
      "member": {"type": "mutualTLS", "description": "the federation's portal"}
    },
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
        "required": ["program", "name", "version", "generation", "devices", "connected", "blocked"],
        "properties": {
          "program": {"const": "engine"},
          "name": {"type": "string"},
          "version": {"type": "string"},
          "generation": {"type": "integer", "minimum": 1},
          "devices": {"type": "integer", "minimum": 0},
          "connected": {"type": "integer", "minimum": 0},
          "blocked": {"description": "SHA-256 of the list of blocked collectors", "$ref": "#/components/schemas/Digest"}
        }
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
          "customer_key": {"description": "which Customer Key it holds: chancery customer-key status", "type": "string"},
          "held_roots": {"description": "of the federation", "type": "array", "items": {"$ref": "#/components/schemas/Digest"}},
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
          "next": {
            "description": "the cursor of the next page; null on the last",
            "anyOf": [{"$ref": "#/components/schemas/Digest"}, {"type": "null"}]
          },
          "total": {"description": "all devices of this engine, whatever was asked", "type": "integer", "minimum": 0}
        }
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
          "roots": {"description": "by SHA-256: how many trust or hold it", "$ref": "#/components/schemas/Counts"},
          "tags": {"$ref": "#/components/schemas/Counts"}
        }
      }
    }
  }
})json";

}  // namespace

std::string openapi_document() {
  std::string text = document;
  constexpr std::string_view mark = "@VERSION@";
  text.replace(text.find(mark), mark.size(), CHANCERY_VERSION);
  return text;
}

}  // namespace chancery::engine
