"""Validates configurations against the shipped schema with an independent validator.

Usage: schema.py SCHEMA good|bad FILE...   Exit 0 when every file is as said, 1 otherwise.
"""

import json
import sys

try:
    import jsonschema
    import yaml
except ImportError as error:
    sys.exit(f"{error}: install the Debian packages python3-jsonschema and python3-yaml")


class Loader(yaml.SafeLoader):
    """YAML 1.2 as the agent reads it: `on` and `22:00` are texts."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag.endswith((":int", ":null", ":float"))]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", __import__("re").compile("^(?:true|false)$"), list("tf")
)

schema = json.load(open(sys.argv[1], encoding="utf-8"))
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
wrong = 0
for path in sys.argv[3:]:
    with open(path, encoding="utf-8-sig") as file:
        document = yaml.load(file, Loader=Loader) or {}
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    if (error is None) != (sys.argv[2] == "good"):
        wrong += 1
        print(f"{path}: {error.message if error else 'accepted'}")
sys.exit(1 if wrong else 0)
