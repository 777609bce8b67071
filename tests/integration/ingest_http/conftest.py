from ingest_http import ingest as ingest
from ingest_http import pair as pair
