#include "portal/openapi.h"

#include "appliance/serving/device_api.h"

namespace chancery::portal {
namespace {

constexpr const char* own_part = R"json({
  "info": {
    "title": "Chancery portal",
    "summary": "All engines of the federation, and their devices together",
    "description": "Over HTTPS, for the administrator and whoever the directory lets in (HTTP Basic). All errors are problem documents (RFC 9457)."
  },
  "security": [{"person": []}],
  "paths": {
    "/api/v1/status": {"get": {"summary": "What runs here"}},
    "/api/v1/devices": {
      "get": {
        "summary": "Devices of all engines, page by page",
        "parameters+": [
          {
            "name": "cursor",
            "in": "query",
            "description": "\"next\" of the page before",
            "schema": {"$ref": "#/components/schemas/Cursor"},
            "example": "61."
          },
          {
            "name": "limit",
            "in": "query",
            "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
            "example": 10
          },
          {
            "name": "engine",
            "in": "query",
            "description": "one engine's only",
            "schema": {"type": "string", "minLength": 1, "maxLength": 256},
            "example": "engine1.example.com"
          }
        ],
        "responses": {"404": {"$ref": "#/components/responses/Problem"}}
      }
    },
    "/api/v1/certificates": {
      "get": {
        "summary": "The certificates of the whole federation, and the authorities that they are under",
        "description": "Of an engine that cannot be asked what it told last."
      }
    },
    "/api/v1/rules": {
      "get": {
        "operationId": "rules",
        "summary": "The rules that assign collectors to engines, and who has asked",
        "shows": {"schema": "Rules", "as": "In the order in which they are asked"}
      }
    },
    "/api/v1/summary": {"get": {"summary": "How many devices of which kind, all engines together and each"}},
    "/api/v1/alerts": {
      "get": {
        "operationId": "alerts",
        "summary": "What is wrong in the federation at present, and who was told of it",
        "shows": {"schema": "Alerts", "as": "The oldest first"}
      }
    },
    "/api/v1/events": {
      "get": {
        "operationId": "events",
        "summary": "Server-Sent Events: \"hello\", then \"changed\" as often as what the other addresses tell has become another",
        "responses": {
          "200": {
            "description": "A stream that ends after five minutes; ask again",
            "content": {"text/event-stream": {"schema": {"type": "string"}}}
          },
          "401": {"$ref": "#/components/responses/Problem"},
          "429": {"$ref": "#/components/responses/Problem"},
          "503": {"$ref": "#/components/responses/Problem"}
        }
      }
    },
    "/api/v1/engines": {
      "get": {
        "operationId": "engines",
        "summary": "Engines that have reported, and how they answer",
        "shows": {"schema": "Engines", "as": "By name"}
      }
    }
  },
  "components": {
    "securitySchemes": {"person": {"type": "http", "scheme": "basic"}},
    "schemas": {
      "Status": {"required+": ["version", "generation"], "properties": {"program": {"const": "portal"}}},
      "Identity": {
        "required+": ["member", "told"],
        "properties": {
          "member": {"description": "the appliance whose it is", "type": "string"},
          "told": {"description": "when its appliance told of it", "type": "string", "format": "date-time"}
        }
      },
      "Certificates": {
        "required+": ["authorities", "unreachable"],
        "properties": {
          "authorities": {
            "description": "the federation's roots, and every intermediate that is sent along",
            "type": "array",
            "items": {
              "type": "object",
              "additionalProperties": false,
              "required": ["certificate", "members"],
              "properties": {
                "certificate": {"$ref": "#/components/schemas/Certificate"},
                "members": {
                  "description": "who sends it along",
                  "type": "array",
                  "items": {"type": "string"}
                }
              }
            }
          },
          "unreachable": {"$ref": "#/components/schemas/Unreachable"}
        }
      },
      "Rules": {
        "type": "object",
        "additionalProperties": false,
        "required": ["rules", "collectors"],
        "properties": {
          "rules": {"type": "array", "items": {"$ref": "#/components/schemas/Rule"}},
          "collectors": {
            "description": "who has asked the portal where it belongs",
            "type": "array",
            "items": {
              "type": "object",
              "additionalProperties": false,
              "required": ["id", "host", "engine", "rule", "seen"],
              "properties": {
                "id": {"$ref": "#/components/schemas/Digest"},
                "host": {"type": "string"},
                "engine": {"description": "where it was sent; empty: nowhere", "type": "string"},
                "rule": {"description": "empty where no rule decided", "type": "string"},
                "seen": {"type": "string", "format": "date-time"}
              }
            }
          }
        }
      },
      "Rule": {
        "type": "object",
        "additionalProperties": false,
        "required": ["name", "order", "host", "address", "system", "tag", "engines", "fall-through"],
        "properties": {
          "name": {"type": "string"},
          "order": {"type": "integer", "minimum": 0},
          "host": {"type": "array", "items": {"type": "string"}},
          "address": {"type": "array", "items": {"type": "string"}},
          "system": {"type": "array", "items": {"type": "string"}},
          "tag": {"type": "array", "items": {"type": "string"}},
          "engines": {"type": "array", "items": {"type": "string"}},
          "fall-through": {"type": "boolean"}
        }
      },
      "Device": {
        "required+": ["engine"],
        "properties": {
          "engine": {"description": "the engine that it is connected to, or was last", "type": "string"}
        }
      },
      "Page": {
        "required+": ["unreachable"],
        "properties": {
          "next": {"anyOf": [{"$ref": "#/components/schemas/Cursor"}, {"type": "null"}]},
          "total": {"description": "all devices of the engines asked, as they last told"},
          "unreachable": {
            "description": "engines whose devices are missing here",
            "$ref": "#/components/schemas/Unreachable"
          }
        }
      },
      "Summary": {
        "required+": ["engines", "unreachable"],
        "properties": {
          "engines": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/EngineSummary"}},
          "unreachable": {"$ref": "#/components/schemas/Unreachable"}
        }
      },
      "Alerts": {
        "type": "object",
        "additionalProperties": false,
        "required": ["alerts", "channels", "quiet"],
        "properties": {
          "alerts": {"type": "array", "items": {"$ref": "#/components/schemas/Alert"}},
          "channels": {
            "description": "the ways by which people are told",
            "type": "array",
            "items": {
              "type": "object",
              "additionalProperties": false,
              "required": ["channel", "to"],
              "properties": {
                "channel": {"enum": ["mail", "webhook"]},
                "to": {"type": "string"},
                "error": {
                  "description": "why the last delivery failed",
                  "type": "object",
                  "additionalProperties": false,
                  "required": ["code", "message", "hint"],
                  "properties": {
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "hint": {"type": "string"}
                  }
                }
              }
            }
          },
          "quiet": {"description": "it is a quiet hour: what is not urgent waits", "type": "boolean"}
        }
      },
      "Alert": {
        "type": "object",
        "additionalProperties": false,
        "required": ["key", "kind", "subject", "since", "urgent", "severity", "title", "message", "hint", "told"],
        "properties": {
          "key": {"description": "the same while it lasts", "type": "string"},
          "kind": {"enum": ["certificate-ends", "drift", "endpoint-failed", "member-missing"]},
          "subject": {"type": "string"},
          "since": {"type": "string", "format": "date-time"},
          "urgent": {"type": "boolean"},
          "severity": {"enum": ["warning", "critical"]},
          "title": {"type": "string"},
          "message": {"type": "string"},
          "hint": {"description": "the way out", "type": "string"},
          "step_days": {
            "description": "of a certificate: the days before its end that were reached last; 0 when it has ended",
            "type": "integer",
            "minimum": 0
          },
          "told": {
            "type": "array",
            "items": {
              "type": "object",
              "additionalProperties": false,
              "required": ["channel", "at"],
              "properties": {
                "channel": {"enum": ["mail", "webhook"]},
                "at": {"type": "string", "format": "date-time"}
              }
            }
          }
        }
      },
      "Cursor": {"type": "string", "pattern": "^([0-9a-f]{2})+[.]([0-9a-f]{64})?$"},
      "Unreachable": {
        "type": "array",
        "items": {
          "type": "object",
          "additionalProperties": false,
          "required": ["engine", "problem"],
          "properties": {"engine": {"type": "string"}, "problem": {"type": "string"}}
        }
      },
      "EngineSummary": {
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
      },
      "Engine": {
        "type": "object",
        "additionalProperties": false,
        "required": [
          "name",
          "internal_name",
          "host",
          "port",
          "version",
          "last_seen",
          "reachable",
          "verified",
          "problem",
          "devices",
          "connected"
        ],
        "properties": {
          "name": {"type": "string"},
          "internal_name": {"type": "string"},
          "host": {"type": "string"},
          "port": {"type": "integer", "minimum": 1, "maximum": 65535},
          "version": {"type": "string"},
          "last_seen": {"type": "string", "format": "date-time"},
          "reachable": {"type": "boolean"},
          "verified": {"type": "boolean"},
          "problem": {"type": "string"},
          "devices": {"type": "integer", "minimum": 0},
          "connected": {"type": "integer", "minimum": 0}
        }
      },
      "Engines": {
        "type": "object",
        "additionalProperties": false,
        "required": ["engines"],
        "properties": {"engines": {"type": "array", "items": {"$ref": "#/components/schemas/Engine"}}}
      }
    }
  }
})json";

}  // namespace

std::string openapi_document() { return serving::device_api_description(own_part); }

}  // namespace chancery::portal
