from stylegram.common.database import run_migrations
from stylegram.logger.tables import metadata

run_migrations(metadata)
