#include "engine/openapi.h"

#include "appliance/serving/device_api.h"

namespace chancery::engine {
namespace {

constexpr const char* own_part = R"json({
  "info": {
    "title": "Chancery engine",
    "summary": "The endpoints of one engine, and what they report",
    "description": "Over HTTPS. Devices are shown to the administrator (HTTP Basic) and to the portal of the federation, which presents its member certificate (ALPN chancery-member/1). All errors are problem documents (RFC 9457)."
  },
  "security": [{"administrator": []}, {"member": []}],
  "paths": {
    "/api/v1/status": {"get": {"summary": "What runs here, and how many devices there are"}},
    "/api/v1/devices": {
      "get": {
        "summary": "Devices, by id, page by page",
        "parameters+": [
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
        ]
      }
    },
    "/api/v1/certificates": {"get": {"summary": "The certificates of this appliance, as its manager tells them"}},
    "/api/v1/summary": {"get": {"summary": "How many devices of which kind"}}
  },
  "components": {
    "securitySchemes": {
      "administrator": {"type": "http", "scheme": "basic"},
      "member": {"type": "mutualTLS", "description": "the federation's portal"}
    },
    "schemas": {
      "Status": {
        "required+": ["name", "version", "generation", "devices", "connected", "blocked"],
        "properties": {
          "program": {"const": "engine"},
          "name": {"type": "string"},
          "devices": {"type": "integer", "minimum": 0},
          "connected": {"type": "integer", "minimum": 0},
          "blocked": {
            "description": "SHA-256 of the list of blocked collectors",
            "$ref": "#/components/schemas/Digest"
          }
        }
      },
      "Identity": {
        "required+": ["intermediates"],
        "properties": {"intermediates": {"type": "array", "items": {"$ref": "#/components/schemas/Certificate"}}}
      },
      "Page": {
        "properties": {
          "next": {"anyOf": [{"$ref": "#/components/schemas/Digest"}, {"type": "null"}]},
          "total": {"description": "all devices of this engine, whatever was asked"}
        }
      }
    }
  }
})json";

}  // namespace

std::string openapi_document() { return serving::device_api_description(own_part); }

}  // namespace chancery::engine
