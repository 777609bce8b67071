"""Instagram by way of instagrapi, a client of the private API that the app uses."""

from stylegram.publisher.outlets.instagrapi_api.mounted_login import take_over_login as take_over_login
from stylegram.publisher.outlets.instagrapi_api.outlet import InstagrapiOutlet as InstagrapiOutlet
