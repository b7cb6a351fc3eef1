"""Secret settings from files, as Docker and Kubernetes mount them: `PASTICHE_<NAME>_FILE`."""

import os
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsError


def is_secret(field: FieldInfo) -> bool:
    """Whether a setting is secret: then a file may contain it."""
    return SecretStr in (field.annotation, *get_args(field.annotation))


def file_variable(settings: type[BaseSettings], name: str) -> str:
    """The environment variable that names the file with a setting."""
    return f"{_variable(settings, name)}_FILE"


class SecretFiles(PydanticBaseSettingsSource):
    """Reads each secret setting from the file that its variable names.

    Raises:
        SettingsError: a file cannot be read or is empty, or the secret itself is set, too.
    """

    def __call__(self) -> dict[str, Any]:
        found = {}
        for name, field in self.settings_cls.model_fields.items():
            value, key, _ = self.get_field_value(field, name)
            if value is not None:
                found[key] = value
        return found

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The secret in the file, or None; and the name under which the settings take it."""
        variable = _variable(self.settings_cls, field_name)
        path_variable = file_variable(self.settings_cls, field_name)
        key = variable if field.validation_alias else field_name
        path = os.environ.get(path_variable) if is_secret(field) else None
        if not path:
            return None, key, False
        if os.environ.get(variable):
            raise SettingsError(f"Both {variable} and {path_variable} are set; remove one of them.")
        return _read(path_variable, Path(path)), key, False


def _variable(settings: type[BaseSettings], name: str) -> str:
    return f"{settings.model_config.get('env_prefix', '')}{name}".upper()


def _read(variable: str, path: Path) -> str:
    """The content of the file without its last newline; no error contains any of it."""
    try:
        secret = path.read_text("utf-8").removesuffix("\n")
    except OSError as error:
        reason = f"which cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        reason = "which is not text in UTF-8"
    else:
        if secret:
            return secret
        reason = "which is empty"
    raise SettingsError(f"{variable} names {path}, {reason}.")
