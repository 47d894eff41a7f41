// Made from src/protocol by `make gen`. Do not edit.

/** JSON Schemas (2020-12) of what the server sends. */
export const definitions = {
  "Ack": {
    "anyOf": [
      {
        "$ref": "#/$defs/Subscribed"
      },
      {
        "properties": {
          "results": {
            "items": {
              "$ref": "#/$defs/Ack"
            },
            "type": "array"
          },
          "success": {
            "type": "boolean"
          }
        },
        "required": [
          "success",
          "results"
        ],
        "type": "object"
      },
      {
        "properties": {
          "serverTime": {
            "$ref": "#/$defs/Timestamp"
          },
          "success": {
            "type": "boolean"
          }
        },
        "required": [
          "success",
          "serverTime"
        ],
        "type": "object"
      },
      {
        "properties": {
          "success": {
            "type": "boolean"
          }
        },
        "required": [
          "success"
        ],
        "type": "object"
      },
      {
        "$ref": "#/$defs/AckFailure"
      }
    ],
    "description": "An acknowledgement. `{ \"success\": true, … }` or `{ \"success\": false, \"error\", \"code\", … }`."
  },
  "AckFailure": {
    "description": "The answer to a command that failed.",
    "properties": {
      "code": {
        "$ref": "#/$defs/Code"
      },
      "details": {
        "items": {
          "$ref": "#/$defs/FieldError"
        },
        "type": "array"
      },
      "error": {
        "description": "A sentence for people.",
        "type": "string"
      },
      "retryAfterMs": {
        "format": "uint64",
        "minimum": 0,
        "type": [
          "integer",
          "null"
        ]
      },
      "room": {
        "anyOf": [
          {
            "$ref": "#/$defs/Room"
          },
          {
            "type": "null"
          }
        ]
      },
      "success": {
        "type": "boolean"
      }
    },
    "required": [
      "success",
      "error",
      "code"
    ],
    "type": "object"
  },
  "CampaignId": {
    "description": "A campaign: the world that its settlements, its structures and its clock belong to.\n\nA UUID in its hyphenated lower-case form on the wire. New ones are version 7, so that\nthey sort by creation.",
    "type": "string"
  },
  "Code": {
    "description": "Why something was refused. The wire names are fixed; each belongs to one HTTP status.",
    "oneOf": [
      {
        "enum": [
          "bad_request",
          "rate_limited",
          "limit_exceeded",
          "internal",
          "token_missing",
          "token_invalid",
          "token_expired",
          "token_revoked",
          "server_busy",
          "server_draining",
          "origin_denied"
        ],
        "type": "string"
      },
      {
        "const": "not_found",
        "description": "Absent or not permitted to be seen: the two look the same.",
        "type": "string"
      },
      {
        "const": "forbidden",
        "description": "The room is visible to the caller, the act is not allowed.",
        "type": "string"
      },
      {
        "const": "conflict",
        "description": "The entity has changed since the version that the caller expected.",
        "type": "string"
      },
      {
        "const": "unavailable",
        "description": "A part the server needs does not answer; try again.",
        "type": "string"
      },
      {
        "const": "connection_limit",
        "description": "The user has as many connections as one user may have.",
        "type": "string"
      },
      {
        "const": "history_trimmed",
        "description": "The log no longer holds the events that were asked for.",
        "type": "string"
      }
    ]
  },
  "ConnectionId": {
    "description": "The public name of one connection. Never the Engine.IO session id, which is a secret.\n\nA UUID in its hyphenated lower-case form on the wire. New ones are version 7, so that\nthey sort by creation.",
    "type": "string"
  },
  "Draining": {
    "description": "The instance is going away: reconnect after the delay, which differs per connection.",
    "properties": {
      "reconnectAfterMs": {
        "format": "uint32",
        "minimum": 0,
        "type": "integer"
      }
    },
    "required": [
      "reconnectAfterMs"
    ],
    "type": "object"
  },
  "EntityKind": {
    "description": "What an entity is. Only campaigns, settlements and structures have rooms of their own; the others\nbelong to services outside and reach the campaign's room.",
    "enum": [
      "campaign",
      "settlement",
      "structure",
      "location",
      "encounter",
      "event",
      "character",
      "item"
    ],
    "type": "string"
  },
  "EntityRef": {
    "description": "One entity by kind and id.",
    "properties": {
      "entityId": {
        "maxLength": 64,
        "minLength": 1,
        "type": "string"
      },
      "entityType": {
        "$ref": "#/$defs/EntityKind"
      }
    },
    "required": [
      "entityType",
      "entityId"
    ],
    "type": "object"
  },
  "EntityUpdated": {
    "description": "Any entity of a campaign was created, changed or deleted.",
    "properties": {
      "campaignId": {
        "$ref": "#/$defs/CampaignId"
      },
      "changedFields": {
        "default": [],
        "items": {
          "maxLength": 64,
          "minLength": 1,
          "type": "string"
        },
        "maxItems": 64,
        "type": "array"
      },
      "entityData": {
        "additionalProperties": true,
        "description": "The changed fields with their values, or the whole entity. Absent when it should be read again.",
        "type": [
          "object",
          "null"
        ]
      },
      "entityId": {
        "description": "1 to 64 characters; a campaign, settlement or structure id when the entity is one.",
        "maxLength": 64,
        "minLength": 1,
        "type": "string"
      },
      "entityType": {
        "$ref": "#/$defs/EntityKind"
      },
      "operation": {
        "$ref": "#/$defs/Operation"
      },
      "version": {
        "description": "The entity's own version after the change: a cache ignores one that is not newer than what it holds.",
        "format": "uint64",
        "maximum": 9007199254740991,
        "minimum": 0,
        "type": "integer"
      }
    },
    "required": [
      "entityType",
      "entityId",
      "campaignId",
      "operation",
      "version",
      "changedFields"
    ],
    "type": "object"
  },
  "Envelope": {
    "description": "An event as it goes over the wire and into the log.",
    "oneOf": [
      {
        "properties": {
          "payload": {
            "$ref": "#/$defs/EntityUpdated"
          },
          "type": {
            "const": "entity_updated",
            "type": "string"
          }
        },
        "required": [
          "type",
          "payload"
        ],
        "type": "object"
      },
      {
        "properties": {
          "payload": {
            "$ref": "#/$defs/SettlementUpdated"
          },
          "type": {
            "const": "settlement_updated",
            "type": "string"
          }
        },
        "required": [
          "type",
          "payload"
        ],
        "type": "object"
      },
      {
        "properties": {
          "payload": {
            "$ref": "#/$defs/StructureUpdated"
          },
          "type": {
            "const": "structure_updated",
            "type": "string"
          }
        },
        "required": [
          "type",
          "payload"
        ],
        "type": "object"
      },
      {
        "properties": {
          "payload": {
            "$ref": "#/$defs/WorldTimeChanged"
          },
          "type": {
            "const": "world_time_changed",
            "type": "string"
          }
        },
        "required": [
          "type",
          "payload"
        ],
        "type": "object"
      },
      {
        "properties": {
          "payload": {
            "$ref": "#/$defs/StateInvalidated"
          },
          "type": {
            "const": "state_invalidated",
            "type": "string"
          }
        },
        "required": [
          "type",
          "payload"
        ],
        "type": "object"
      },
      {
        "properties": {
          "payload": {
            "$ref": "#/$defs/MembershipChanged"
          },
          "type": {
            "const": "membership_changed",
            "type": "string"
          }
        },
        "required": [
          "type",
          "payload"
        ],
        "type": "object"
      }
    ],
    "properties": {
      "epoch": {
        "$ref": "#/$defs/Epoch"
      },
      "id": {
        "$ref": "#/$defs/EventId",
        "description": "Unique; a client drops an id it has seen."
      },
      "metadata": {
        "$ref": "#/$defs/Metadata"
      },
      "offsets": {
        "$ref": "#/$defs/Offsets"
      },
      "timestamp": {
        "$ref": "#/$defs/Timestamp",
        "description": "When the change was committed, real time."
      },
      "v": {
        "description": "The version of the wire contract that its writer spoke.",
        "format": "uint32",
        "minimum": 0,
        "type": "integer"
      }
    },
    "required": [
      "v",
      "id",
      "timestamp",
      "epoch",
      "offsets",
      "metadata"
    ],
    "type": "object"
  },
  "Epoch": {
    "description": "The identity of the log that offsets count in; new when a database is created or restored.",
    "type": "string"
  },
  "EventId": {
    "description": "The identity of one event: 1 to 64 printable ASCII characters, a UUIDv7 unless a publisher chose its own.",
    "type": "string"
  },
  "FieldError": {
    "description": "One wrong input.",
    "properties": {
      "field": {
        "description": "The path of the input, as in `rooms[2].position.offset`.",
        "type": "string"
      },
      "message": {
        "type": "string"
      }
    },
    "required": [
      "field",
      "message"
    ],
    "type": "object"
  },
  "Heads": {
    "description": "The heads of the rooms that the connection has joined.",
    "properties": {
      "epoch": {
        "$ref": "#/$defs/Epoch"
      },
      "rooms": {
        "additionalProperties": {
          "$ref": "#/$defs/Offset"
        },
        "type": "object"
      }
    },
    "required": [
      "epoch",
      "rooms"
    ],
    "type": "object"
  },
  "InvalidationScope": {
    "description": "How much an invalidation covers.",
    "enum": [
      "campaign",
      "entity"
    ],
    "type": "string"
  },
  "MembershipChanged": {
    "description": "A user's role in a campaign changed; `role` is null when the user was removed.",
    "properties": {
      "campaignId": {
        "$ref": "#/$defs/CampaignId"
      },
      "role": {
        "anyOf": [
          {
            "$ref": "#/$defs/Role"
          },
          {
            "type": "null"
          }
        ]
      },
      "userId": {
        "$ref": "#/$defs/UserId"
      }
    },
    "required": [
      "campaignId",
      "userId",
      "role"
    ],
    "type": "object"
  },
  "Metadata": {
    "description": "Where an event came from.",
    "properties": {
      "correlationId": {
        "description": "Ties the event to the request that caused it, in logs on both sides. At most 64 characters.",
        "type": "string"
      },
      "requestId": {
        "anyOf": [
          {
            "$ref": "#/$defs/RequestId"
          },
          {
            "type": "null"
          }
        ],
        "description": "The request id of the mutation, so that its author recognizes the echo."
      },
      "source": {
        "description": "Through what: `api` for this server's own services, otherwise the name that the publisher gave. At most 64 characters.",
        "type": "string"
      },
      "userId": {
        "$ref": "#/$defs/UserId",
        "description": "Who caused it."
      }
    },
    "required": [
      "userId",
      "source",
      "correlationId"
    ],
    "type": "object"
  },
  "Offset": {
    "description": "A place in a room's log: 1 is the room's first event, 0 is before it. Never above 2⁵³ − 1, so\nthat every JSON reader holds it exactly.",
    "format": "uint64",
    "minimum": 0,
    "type": "integer"
  },
  "Offsets": {
    "additionalProperties": {
      "$ref": "#/$defs/Offset"
    },
    "description": "The event's offset in each of its rooms, the root first.",
    "type": "object"
  },
  "Operation": {
    "description": "What happened to an entity.",
    "enum": [
      "create",
      "update",
      "delete"
    ],
    "type": "string"
  },
  "Presence": {
    "description": "Who is there. `members` is the whole list, at the start; `joined` and `left` are differences.",
    "properties": {
      "joined": {
        "items": {
          "$ref": "#/$defs/UserId"
        },
        "type": [
          "array",
          "null"
        ]
      },
      "left": {
        "items": {
          "$ref": "#/$defs/UserId"
        },
        "type": [
          "array",
          "null"
        ]
      },
      "members": {
        "items": {
          "$ref": "#/$defs/UserId"
        },
        "type": [
          "array",
          "null"
        ]
      },
      "room": {
        "$ref": "#/$defs/Room"
      }
    },
    "required": [
      "room"
    ],
    "type": "object"
  },
  "ProblemDocument": {
    "description": "The body of an HTTP error: RFC 9457, `application/problem+json`.",
    "properties": {
      "code": {
        "$ref": "#/$defs/Code"
      },
      "detail": {
        "description": "A sentence for people.",
        "type": "string"
      },
      "details": {
        "items": {
          "$ref": "#/$defs/FieldError"
        },
        "type": "array"
      },
      "retryAfterMs": {
        "description": "When trying again makes sense, in milliseconds.",
        "format": "uint64",
        "minimum": 0,
        "type": [
          "integer",
          "null"
        ]
      },
      "status": {
        "format": "uint16",
        "maximum": 65535,
        "minimum": 0,
        "type": "integer"
      },
      "title": {
        "description": "The code in words.",
        "type": "string"
      },
      "type": {
        "description": "Always `about:blank`: the code says what kind of problem it is.",
        "type": "string"
      },
      "versions": {
        "anyOf": [
          {
            "$ref": "#/$defs/VersionConflict"
          },
          {
            "type": "null"
          }
        ]
      }
    },
    "required": [
      "type",
      "title",
      "status",
      "detail",
      "code"
    ],
    "type": "object"
  },
  "ReconnectPolicy": {
    "description": "How a client should come back: full jitter over a delay that doubles from `minMs` to `maxMs`.",
    "properties": {
      "jitter": {
        "type": "boolean"
      },
      "maxAttempts": {
        "description": "After so many attempts a client shows the failure and tries only slowly.",
        "format": "uint32",
        "minimum": 0,
        "type": "integer"
      },
      "maxMs": {
        "format": "uint32",
        "minimum": 0,
        "type": "integer"
      },
      "minMs": {
        "format": "uint32",
        "minimum": 0,
        "type": "integer"
      }
    },
    "required": [
      "minMs",
      "maxMs",
      "jitter",
      "maxAttempts"
    ],
    "type": "object"
  },
  "RequestId": {
    "description": "What makes a repeated request harmless: 1 to 64 printable ASCII characters, unique per user for 24 hours.",
    "type": "string"
  },
  "Role": {
    "description": "What a member may do in a campaign, weakest first: each role may do what the ones before it may.",
    "enum": [
      "VIEWER",
      "PLAYER",
      "GM",
      "OWNER"
    ],
    "type": "string"
  },
  "Room": {
    "description": "A room: `campaign:{id}`, `settlement:{id}`, `structure:{id}`, `session:{id}` or `user:{id}`.",
    "type": "string"
  },
  "RoomStateInvalidated": {
    "description": "Continuity of a joined room cannot be proved: read its state again.",
    "properties": {
      "reason": {
        "$ref": "#/$defs/StaleReason"
      },
      "room": {
        "$ref": "#/$defs/Room"
      }
    },
    "required": [
      "room",
      "reason"
    ],
    "type": "object"
  },
  "SettlementId": {
    "description": "A settlement of a campaign.\n\nA UUID in its hyphenated lower-case form on the wire. New ones are version 7, so that\nthey sort by creation.",
    "type": "string"
  },
  "SettlementUpdated": {
    "description": "A settlement was created, changed or deleted.",
    "properties": {
      "campaignId": {
        "$ref": "#/$defs/CampaignId"
      },
      "changedFields": {
        "default": [],
        "items": {
          "maxLength": 64,
          "minLength": 1,
          "type": "string"
        },
        "maxItems": 64,
        "type": "array"
      },
      "operation": {
        "$ref": "#/$defs/Operation"
      },
      "settlementData": {
        "additionalProperties": true,
        "description": "The settlement after the change; absent for a deletion.",
        "type": [
          "object",
          "null"
        ]
      },
      "settlementId": {
        "$ref": "#/$defs/SettlementId"
      },
      "version": {
        "description": "The settlement's own version after the change.",
        "format": "uint64",
        "maximum": 9007199254740991,
        "minimum": 0,
        "type": "integer"
      }
    },
    "required": [
      "settlementId",
      "campaignId",
      "operation",
      "version",
      "changedFields"
    ],
    "type": "object"
  },
  "StaleReason": {
    "description": "Why continuity cannot be proved.",
    "oneOf": [
      {
        "const": "history_trimmed",
        "description": "The log was trimmed before this instance could read what it missed.",
        "type": "string"
      },
      {
        "const": "epoch_changed",
        "description": "The log is a new one: the database was rebuilt or restored.",
        "type": "string"
      },
      {
        "const": "unverified",
        "description": "The instance could not compare its heads with the database for too long.",
        "type": "string"
      }
    ]
  },
  "StateInvalidated": {
    "description": "Values that the server derives are out of date: read them again.",
    "properties": {
      "campaignId": {
        "$ref": "#/$defs/CampaignId"
      },
      "entities": {
        "description": "Which entities, when the scope is `entity`.",
        "items": {
          "$ref": "#/$defs/EntityRef"
        },
        "maxItems": 1000,
        "type": [
          "array",
          "null"
        ]
      },
      "entityIds": {
        "description": "The ids of `entities` alone, for clients that look entities up by id.",
        "items": {
          "maxLength": 64,
          "minLength": 1,
          "type": "string"
        },
        "maxItems": 1000,
        "type": [
          "array",
          "null"
        ]
      },
      "fields": {
        "description": "Which fields; absent means all derived ones.",
        "items": {
          "maxLength": 64,
          "minLength": 1,
          "type": "string"
        },
        "maxItems": 64,
        "type": [
          "array",
          "null"
        ]
      },
      "reason": {
        "description": "A sentence for people.",
        "maxLength": 500,
        "type": [
          "string",
          "null"
        ]
      },
      "scope": {
        "$ref": "#/$defs/InvalidationScope"
      }
    },
    "required": [
      "campaignId",
      "scope"
    ],
    "type": "object"
  },
  "StructureId": {
    "description": "A structure of a settlement.\n\nA UUID in its hyphenated lower-case form on the wire. New ones are version 7, so that\nthey sort by creation.",
    "type": "string"
  },
  "StructureUpdated": {
    "description": "A structure was created, changed, finished or deleted.",
    "properties": {
      "campaignId": {
        "$ref": "#/$defs/CampaignId"
      },
      "changedFields": {
        "default": [],
        "items": {
          "maxLength": 64,
          "minLength": 1,
          "type": "string"
        },
        "maxItems": 64,
        "type": "array"
      },
      "operation": {
        "$ref": "#/$defs/Operation"
      },
      "settlementId": {
        "$ref": "#/$defs/SettlementId"
      },
      "structureData": {
        "additionalProperties": true,
        "description": "The structure after the change; absent for a deletion.",
        "type": [
          "object",
          "null"
        ]
      },
      "structureId": {
        "$ref": "#/$defs/StructureId"
      },
      "version": {
        "description": "The structure's own version after the change.",
        "format": "uint64",
        "maximum": 9007199254740991,
        "minimum": 0,
        "type": "integer"
      }
    },
    "required": [
      "structureId",
      "settlementId",
      "campaignId",
      "operation",
      "version",
      "changedFields"
    ],
    "type": "object"
  },
  "Subscribed": {
    "description": "The answer to a join: from here on the connection has every event of the room after `offset`.",
    "properties": {
      "epoch": {
        "$ref": "#/$defs/Epoch"
      },
      "events": {
        "items": {
          "$ref": "#/$defs/Envelope"
        },
        "type": "array"
      },
      "offset": {
        "$ref": "#/$defs/Offset"
      },
      "recovered": {
        "description": "Whether `events` is everything between the position and `offset`. Never true over a hole.",
        "type": "boolean"
      },
      "room": {
        "$ref": "#/$defs/Room"
      },
      "success": {
        "type": "boolean"
      }
    },
    "required": [
      "success",
      "room",
      "epoch",
      "offset",
      "recovered",
      "events"
    ],
    "type": "object"
  },
  "TimeSpan": {
    "description": "An amount of world time.",
    "properties": {
      "unit": {
        "$ref": "#/$defs/TimeUnit"
      },
      "value": {
        "description": "How many of the unit; at least 1.",
        "format": "uint32",
        "minimum": 1,
        "type": "integer"
      }
    },
    "required": [
      "value",
      "unit"
    ],
    "type": "object"
  },
  "TimeUnit": {
    "description": "A unit of world time: fixed lengths, a day is 24 hours.",
    "enum": [
      "MINUTES",
      "HOURS",
      "DAYS",
      "WEEKS"
    ],
    "type": "string"
  },
  "Timestamp": {
    "description": "An instant in milliseconds since 1970-01-01T00:00:00Z, between the years −9999 and 9999.\nReal time and world time alike.",
    "type": "string"
  },
  "TokenExpiring": {
    "description": "The token ends soon: send `refresh_token`.",
    "properties": {
      "expiresAt": {
        "$ref": "#/$defs/Timestamp"
      }
    },
    "required": [
      "expiresAt"
    ],
    "type": "object"
  },
  "UnsubscribeCode": {
    "description": "Why the server took a connection out of a room.",
    "enum": [
      "membership_revoked",
      "deleted"
    ],
    "type": "string"
  },
  "Unsubscribed": {
    "description": "The server took the connection out of a room.",
    "properties": {
      "code": {
        "$ref": "#/$defs/UnsubscribeCode"
      },
      "room": {
        "$ref": "#/$defs/Room"
      }
    },
    "required": [
      "room",
      "code"
    ],
    "type": "object"
  },
  "UserId": {
    "description": "A user, as the token's `sub` names them: 1 to 128 printable ASCII characters without spaces.",
    "type": "string"
  },
  "VersionConflict": {
    "description": "The version the caller expected and the one the entity has.",
    "properties": {
      "actual": {
        "format": "uint64",
        "minimum": 0,
        "type": "integer"
      },
      "expected": {
        "format": "uint64",
        "minimum": 0,
        "type": "integer"
      }
    },
    "required": [
      "expected",
      "actual"
    ],
    "type": "object"
  },
  "Welcome": {
    "description": "The first event after CONNECT.",
    "properties": {
      "connectionId": {
        "$ref": "#/$defs/ConnectionId"
      },
      "epoch": {
        "$ref": "#/$defs/Epoch"
      },
      "protocol": {
        "format": "uint32",
        "minimum": 0,
        "type": "integer"
      },
      "reconnect": {
        "$ref": "#/$defs/ReconnectPolicy"
      },
      "serverTime": {
        "$ref": "#/$defs/Timestamp"
      },
      "tokenExpiresAt": {
        "$ref": "#/$defs/Timestamp"
      },
      "userId": {
        "$ref": "#/$defs/UserId"
      }
    },
    "required": [
      "protocol",
      "connectionId",
      "userId",
      "epoch",
      "serverTime",
      "tokenExpiresAt",
      "reconnect"
    ],
    "type": "object"
  },
  "WorldTimeChanged": {
    "description": "The campaign's clock moved. It only moves forward.",
    "properties": {
      "campaignId": {
        "$ref": "#/$defs/CampaignId"
      },
      "elapsed": {
        "anyOf": [
          {
            "$ref": "#/$defs/TimeSpan"
          },
          {
            "type": "null"
          }
        ],
        "description": "By how much, when the clock was advanced rather than set."
      },
      "newTime": {
        "$ref": "#/$defs/Timestamp"
      },
      "previousTime": {
        "$ref": "#/$defs/Timestamp",
        "description": "World time before, an instant of the world's own calendar written like any other instant."
      },
      "version": {
        "description": "The campaign's own version after the change.",
        "format": "uint64",
        "maximum": 9007199254740991,
        "minimum": 0,
        "type": "integer"
      }
    },
    "required": [
      "campaignId",
      "previousTime",
      "newTime",
      "version"
    ],
    "type": "object"
  }
};
