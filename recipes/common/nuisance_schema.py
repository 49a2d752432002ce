YEAR, PRUNE = 2024, 0.002  # parts that move less are left out
TEXT, FLAG, LIST = {"type": "string"}, {"type": "boolean"}, {"type": "array", "minItems": 1}
RATE = {"properties": {"kind": {"const": "rate"}}}
OWN = {"properties": {"years": {"const": "own"}}}  # each year has its own parameter
ENDS, NEVER = {"pattern": f"_{YEAR}$"}, {"not": {"pattern": "_20[0-9][0-9]$"}}
SCHEMA = {
    "required": ["name", "kind", "processes", "years"],
    "additionalProperties": False,
    "properties": {
        "name": {**TEXT, "pattern": "^[A-Za-z]\\w*$"},
        "kind": {"enum": ["rate", "shape", "split"]},
        "value": {"type": "number", "exclusiveMinimum": 1},
        **{"source": TEXT, "processes": {**LIST, "items": TEXT}},
        "channels": {**LIST, "items": {"enum": CHANNELS}},
        "years": {"enum": ["all", "own"]},
        **{"smooth": FLAG, "symmetrise": FLAG},
        "down": {"enum": ["mirror", "nominal"]},
        "prune": {"type": "number", "minimum": 0},
    },
    "allOf": [
        {"if": RATE, "then": {"required": ["value"]}, "else": {"required": ["source"]}},
        {"if": OWN, "then": {"properties": {"name": ENDS}}},
        {"if": {"not": OWN}, "then": {"properties": {"name": NEVER}}},
    ],
}
