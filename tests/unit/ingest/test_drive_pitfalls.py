"""What others ran into with Drive and with files from everywhere, and which of our tests holds each.

The list is that of rclone's Drive backend, of google-api-python-client's source and of both projects' issues.
"""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

PITFALLS = {
    "what lies in shared drives is not there unless each call says so": [
        "test_a_folder_in_a_shared_drive_is_a_source_like_others",
    ],
    "only the fields that were asked for come": ["test_a_listing_says_what_the_file_is"],
    "names are not unique, and may contain slashes and quotes": [
        "test_names_that_are_not_unique",
        "test_ids_with_quotes_and_backslashes_are_escaped",
    ],
    "rate limits and 5xx pass, quotas do not": [
        "test_what_may_pass_is_tried_again",
        "test_what_does_not_pass_is_not_tried_again",
    ],
    "httplib2 is not for several threads, and Drive wants them paced": [
        "test_each_thread_has_a_connection_of_its_own",
        "test_one_thread_that_is_too_fast_slows_the_others_down",
    ],
    "Google's documents have no bytes; shortcuts dangle and go in circles": [
        "test_documents_of_googles_own",
        "test_shortcuts_in_a_circle_end",
        "test_shortcuts_that_dangle_are_passed_over",
    ],
    "asked about several folders, Drive is silent about some, and of what anybody may see it searches a part only": [
        "test_no_answer_about_several_folders",
        "test_an_answer_that_is_silent_about_some",
        "test_folders_that_anybody_may_see_are_asked_about_one_by_one",
    ],
    "what happens during the first listing is lost unless the token is got before it": [
        "test_the_token_of_changes_is_got_before",
        "test_what_happens_during_a_listing",
        "test_a_page_and_the_way_on_are_kept_together",
    ],
    "changes are of the whole drive, a folder that moves is one of them, and some are never told": [
        "test_a_folder_that_comes_brings",
        "test_what_was_removed_comes_without_a_file",
        "test_a_token_that_is_no_good",
        "test_only_what_changed_is_read",
        "test_everything_is_listed_now_and_then_and_on_demand",
        "test_whatever_happens_who_follows",
        "test_what_anybody_may_see_is_listed_each_time",
    ],
    "downloads come in ranges, break off, and are damaged": [
        "test_a_large_file_comes_in_ranges",
        "test_after_a_broken_connection",
        "test_a_file_that_is_damaged_on_the_way",
    ],
    "logins end after a week, and are secrets": [
        "test_no_more_is_asked_for_than_to_read",
        "test_nobody_else_may_read_the_login",
    ],
    "a file is not what its name says, is turned twice, has a profile, is cut off": [
        "test_a_good_picture_is_stored_as_it_should_look",
        "test_a_turned_picture_stands_upright",
        "test_colours_are_converted_from_the_pictures_profile",
        "test_too_many_pixels_are_refused_before_they_are_decoded",
        "test_a_truncated_picture_is_refused",
    ],
    "google-api-python-client is 111 MB": ["test_only_ingest_has_the_client_of_googles_apis"],
}


@pytest.fixture(scope="module")
def tests() -> set[str]:
    files = [*ROOT.glob("tests/**/test_*.py")]
    return {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("pitfall", PITFALLS)
def test_each_pitfall_has_a_test(pitfall: str, tests: set[str]) -> None:
    for beginning in PITFALLS[pitfall]:
        assert any(name.startswith(beginning) for name in tests), f"{beginning}… is gone"


def test_only_ingest_has_the_client_of_googles_apis() -> None:
    needing = {
        file.parent.name
        for file in ROOT.glob("services/*/pyproject.toml")
        if "google-api-python-client" in tomllib.loads(file.read_text(encoding="utf-8"))["project"]["dependencies"]
    }
    assert needing == {"ingest"}
