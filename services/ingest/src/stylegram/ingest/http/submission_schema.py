"""How `POST /v1/jobs` stands in the API's schema: JSON or a form, with examples that work on the sample pictures."""

from copy import deepcopy
from typing import Any

from stylegram.ingest.http.submission import EXAMPLE, EXAMPLE_OF_ALL, FORM, JSON, LISTS, PICTURES

_FILE = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
_SHA256 = "^[0-9a-f]{64}$"
_SHA256_OR_NOTHING = "^([0-9a-f]{64})?$"


def picture_schema(pattern: str = _SHA256) -> dict[str, Any]:
    """A picture in a form: a file, or text that names an asset."""
    return {"anyOf": [_FILE, {"type": "string", "pattern": pattern}]}


def form_schema(submission: dict[str, Any]) -> dict[str, Any]:
    """The form's schema from that of `JobSubmission`: a picture may be a file too."""
    schema = deepcopy(submission)
    schema["title"] = "JobForm"
    schema["description"] = (
        "A submission as a form. Each picture is a file, or the SHA-256 of an asset as text; a mask that is left empty"
        " means everywhere. `hyperparameters` is JSON."
    )
    del schema["examples"]
    for name in PICTURES:
        described = schema["properties"][name]
        bare: dict[str, Any] = {"description": described["description"].replace("SHA-256 of ", "").capitalize()}
        picture = picture_schema(_SHA256_OR_NOTHING if name == "masks" else _SHA256)
        bare |= {"type": "array", "items": picture, "maxItems": described["maxItems"]} if name in LISTS else picture
        schema["properties"][name] = bare
    for described in schema["properties"].values():
        # A form has no null: what is not said is left out.
        if "anyOf" in described and {"type": "null"} in described["anyOf"]:
            described["anyOf"].remove({"type": "null"})
            del described["default"]
    return schema


REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        JSON: {
            "schema": {"$ref": "#/components/schemas/JobSubmission"},
            "examples": {
                "pair": {"summary": "A photograph in the manner of a painting", "value": EXAMPLE},
                "everything": {"summary": "Two styles, each with its place", "value": EXAMPLE_OF_ALL},
            },
        },
        FORM: {
            "schema": {"$ref": "#/components/schemas/JobForm"},
            "encoding": {"hyperparameters": {"contentType": JSON}},
            "examples": {"pair": {"summary": "Two assets", "value": EXAMPLE}},
        },
    },
}
"""What stands in the API's schema for the body."""
