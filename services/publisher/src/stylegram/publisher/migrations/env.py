from stylegram.common.database import run_migrations
from stylegram.publisher.tables import Base

run_migrations(Base.metadata)
