"""Settings from the environment, prefix `STYLEGRAM_`.

A secret need not stand in the environment: `STYLEGRAM_DATABASE_URL_FILE=/run/secrets/database` reads the value
from that file, as container platforms mount it. The variable itself, where set, wins.

>>> import os
>>> os.environ["STYLEGRAM_LOG_LEVEL"] = "debug"
>>> Settings().log_level
'debug'
"""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from stylegram.common.errors import ConfigurationError

PREFIX = "STYLEGRAM_"


class _FileVariants(PydanticBaseSettingsSource):
    """Reads `STYLEGRAM_X_FILE` for every field `x`."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = f"{PREFIX}{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, self.field_is_complex(field)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise ConfigurationError(
                f"{variable} names '{path}', which cannot be read: {reason}.",
                advice="Mount the file, or unset the variable.",
            ) from None

    def __call__(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            value, key, is_complex = self.get_field_value(field, name)
            if value is not None:
                values[key] = self.prepare_field_value(name, field, value, is_complex)
        return values


class Settings(BaseSettings):
    """What every service needs; each service adds its own fields in a subclass."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    broker_url: SecretStr = Field(
        SecretStr("sqlite:///var/lib/stylegram/broker.sqlite"),
        description="Broker: sqlite:///absolute/path or amqp(s)://user:password@host:port/vhost.",
    )
    broker_ca_file: Path | None = Field(
        None, description="Certificates that an amqps:// broker's is checked against; the system's by default."
    )
    broker_cert_file: Path | None = Field(None, description="Our own certificate, where the broker wants one.")
    broker_key_file: Path | None = Field(None, description="Our certificate's key, unless it is in the same file.")
    broker_ack_timeout_seconds: float = Field(
        1800.0,
        gt=0,
        description="Until RabbitMQ takes a message back from a worker that lives: its consumer_timeout.",
    )
    storage_url: str = Field(
        "file:///var/lib/stylegram/storage", description="Object storage: file:///folder or gs://bucket/prefix."
    )
    storage_credentials_file: Path | None = Field(
        None,
        description="Google credentials for gs://, as JSON: a service account's key, say. Without it, the application"
        " default credentials count, which are the workload's own identity in a cluster.",
    )
    database_url: SecretStr = Field(
        SecretStr("sqlite:////var/lib/stylegram/stylegram.sqlite"),
        description="Database: sqlite:////absolute/path or postgresql+psycopg://user:password@host/name.",
    )
    visibility_seconds: float = Field(
        30.0, gt=0.5, description="Until a message whose worker died is handed out again."
    )
    log_format: Literal["auto", "json", "console"] = Field("auto", description="JSON, or lines for a terminal.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least serious level shown.")
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port of /metrics; none by default. The health pages are there too, and the API then has no"
        " /metrics.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, which wins over files."""
        return init_settings, env_settings, _FileVariants(settings_cls)

    @property
    def json_logs(self) -> bool | None:
        """For `configure_logs`: None lets the terminal decide."""
        return None if self.log_format == "auto" else self.log_format == "json"


class DatabaseSettings(Settings):
    """What a service is told besides that keeps tables in the database."""

    migrate_at_start: bool = Field(
        True,
        description="Bring the tables up to date at the start; else wait until the command `migrate` has done so, and"
        " change none.",
    )
