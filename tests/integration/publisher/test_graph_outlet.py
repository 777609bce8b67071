"""The outlet on Instagram's Graph API, as far as all goes well, and how it finds what it posted."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from graph_bench import CAPTION, MARKER, TOKEN, GraphBench, film, graph_bench, picture, post, sought, still
from graph_fake_http import refused
from instagram_fake import DROPPED_AFTER, SERVER_ERROR, Fault
from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.clock import utcnow
from stylegram.common.errors import ConfigurationError, NotFound, OutcomeUnknown, Refused, Unavailable
from stylegram.common.messages import PostKind
from stylegram.common.ports import Feedback, Outlet, Post, SoughtPost
from stylegram.publisher.outlets.graph_api import GraphOutlet

KINDS = [PostKind.PHOTO, PostKind.CAROUSEL, PostKind.STORY, PostKind.REEL]
A_DAY = timedelta(days=1, minutes=1)


@pytest.fixture
def bench() -> Iterator[GraphBench]:
    with graph_bench() as bench:
        yield bench


def publish(bench: GraphBench, sent: Post) -> str:
    return bench.outlet.commit(sent, bench.outlet.upload(sent)).media_id


def lose(bench: GraphBench, sent: Post) -> SoughtPost:
    """Publish it, and lose the answer."""
    upload = bench.outlet.upload(sent)
    bench.faults.add(DROPPED_AFTER, call="publish")
    with pytest.raises(OutcomeUnknown):
        bench.outlet.commit(sent, upload)
    return sought(sent, upload)


def test_it_is_an_outlet(bench: GraphBench) -> None:
    outlet: Outlet = bench.outlet

    assert outlet.account == f"graph://{bench.account.user_id}"
    assert set(outlet.kinds) == set(PostKind)
    assert outlet.is_public
    assert not outlet.find_is_certain
    assert outlet.login == hashlib.sha256(TOKEN.encode()).hexdigest()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_published_as_it_is(bench: GraphBench, kind: PostKind) -> None:
    sent = post(kind)

    published = bench.outlet.commit(sent, bench.outlet.upload(sent))

    (there,) = bench.account.posts
    assert published.media_id == there.media_id
    assert published.url is None
    assert there.kind == kind
    assert there.files == tuple(file for medium in sent.media for file in (medium.data, medium.cover) if file)
    assert there.caption == ("" if kind is PostKind.STORY else CAPTION)
    if kind in (PostKind.PHOTO, PostKind.CAROUSEL):
        assert there.alt_texts == tuple(medium.alt_text for medium in sent.media)


def test_nothing_is_shown_before_it_is_committed(bench: GraphBench) -> None:
    bench.outlet.upload(post())

    assert bench.account.posts == []
    assert bench.graph.requests["publish"] == 0


def test_a_commit_is_one_request(bench: GraphBench) -> None:
    upload = bench.outlet.upload(post())
    bench.graph.requests.clear()

    bench.outlet.commit(post(), upload)

    assert bench.graph.requests == {"publish": 1}


def test_media_are_in_the_bucket_once_however_often_they_are_uploaded(bench: GraphBench) -> None:
    bench.outlet.upload(post(PostKind.REEL))
    bench.outlet.upload(post(PostKind.REEL))

    names = {hashlib.sha256(data).hexdigest()[:16] for data in (film(), picture(90, 160))}
    assert {Path(name).stem for name in bench.gcs.objects} == names
    assert {Path(name).parent for name in bench.gcs.objects} == {Path("posts/3f9a1c27d0aa")}
    assert {Path(name).suffix: there.content_type for name, there in bench.gcs.objects.items()} == {
        ".jpg": "image/jpeg",
        ".mp4": "video/mp4",
    }


@pytest.mark.parametrize("count", [0, 1, 11])
def test_a_carousel_has_two_to_ten_media(bench: GraphBench, count: int) -> None:
    with pytest.raises(Refused, match=f"carousel cannot have {count} media"):
        bench.outlet.upload(replace(post(PostKind.CAROUSEL), media=tuple(map(still, range(count)))))


@pytest.mark.parametrize("count", [2, 10])
def test_a_carousel_keeps_their_order(bench: GraphBench, count: int) -> None:
    sent = replace(post(PostKind.CAROUSEL), media=tuple(map(still, range(count))))

    publish(bench, sent)

    assert bench.account.posts[0].files == tuple(medium.data for medium in sent.media)


def test_other_kinds_have_one_medium(bench: GraphBench) -> None:
    with pytest.raises(Refused, match="photo cannot have 2 media"):
        bench.outlet.upload(replace(post(), media=(still(1), still(2))))


def test_containers_are_waited_for(bench: GraphBench) -> None:
    bench.graph.polls = 3

    publish(bench, post(PostKind.CAROUSEL))

    assert bench.graph.requests["status"] == 4 * 4


def test_waiting_ends(bench: GraphBench) -> None:
    bench.graph.polls = 10_000

    with pytest.raises(Unavailable, match="not ready with a post's media within 1 s"):
        bench.another(patience_seconds=1).upload(post())


def test_waiting_outlasts_questions_that_go_wrong(bench: GraphBench) -> None:
    for fault in (SERVER_ERROR, DROPPED_AFTER, refused(2, transient=True), refused(100, 33)):
        bench.faults.add(fault, call="status")

    assert publish(bench, post())


@pytest.mark.parametrize(
    ("code", "error"),
    [("2207052", Unavailable), ("2207026", Refused), ("2207082", Refused)],
)
def test_a_container_that_came_to_nothing_says_why(bench: GraphBench, code: str, error: type[Exception]) -> None:
    body = {"id": "1", "status_code": "ERROR", "status": f"Error: Media upload has failed with error code {code}"}
    bench.faults.add(Fault("container failed", status=200, body=body), call="status")

    with pytest.raises(error, match=f"error {code}"):
        bench.outlet.upload(post())


def test_a_film_that_is_none_is_refused(bench: GraphBench) -> None:
    (reel,) = post(PostKind.REEL).media
    lying = replace(post(PostKind.REEL), media=(replace(reel, data=film(160, 90)),))

    with pytest.raises(Refused, match="film's format"):
        bench.outlet.upload(lying)


def test_an_upload_that_instagram_forgot_is_not_out(bench: GraphBench) -> None:
    upload = bench.outlet.upload(post())
    bench.graph.clock = A_DAY

    # The same error is documented as "temporary", to be tried again.
    with pytest.raises(OutcomeUnknown, match="2207008"):
        bench.outlet.commit(post(), upload)
    assert bench.outlet.find(sought(post(), upload)) is None
    assert bench.account.posts == []


def test_a_container_that_expires_while_it_is_waited_for_is_made_anew(bench: GraphBench) -> None:
    bench.faults.add(Fault("expired", status=200, body={"id": "1", "status_code": "EXPIRED"}), call="status")

    with pytest.raises(Unavailable, match="anew"):
        bench.outlet.upload(post())
    assert publish(bench, post())


def test_a_storage_without_addresses_is_a_wrong_setting(bench: GraphBench, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"graph:// needs a bucket \(gs://\)"):
        GraphOutlet(
            bench.account.user_id,
            token=SecretStr(TOKEN),
            endpoint=bench.graph.url,
            version="v23.0",
            storage=FolderStorage(tmp_path),
        )


@pytest.mark.parametrize("user_id", ["stylegram", "", "../me", "178４"])
def test_an_account_has_a_number(bench: GraphBench, user_id: str) -> None:
    with pytest.raises(ConfigurationError, match="no account's number"):
        GraphOutlet(user_id, token=SecretStr(TOKEN), endpoint=bench.graph.url, version="v23.0", storage=bench.storage)


@pytest.mark.parametrize("token", ["", f"{TOKEN}\n", f"Bearer {TOKEN}", "T\u00f6ken"])
def test_a_token_has_no_blanks(bench: GraphBench, token: str) -> None:
    with pytest.raises(ConfigurationError, match="STYLEGRAM_GRAPH_TOKEN") as caught:
        bench.another(token=token)
    assert TOKEN not in str(caught.value)


def test_a_netrc_that_knows_the_host_does_not_replace_the_token(
    bench: GraphBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    assert publish(bench, post())


# --- Finding what was posted.


@pytest.mark.parametrize("kind", KINDS)
def test_what_went_out_without_an_answer_is_found(bench: GraphBench, kind: PostKind) -> None:
    bench.account.publish("photo", "Another one. № 00000000aa", [b"1"])

    found = bench.another().find(lose(bench, post(kind)))

    assert found is not None
    assert found.media_id == bench.account.posts[-1].media_id
    assert found.url is not None


@pytest.mark.parametrize("kind", KINDS)
def test_what_did_not_go_out_is_not_found(bench: GraphBench, kind: PostKind) -> None:
    bench.account.publish("photo", "Another one. № 00000000aa", [b"1"])
    bench.account.publish("story", "", [b"1"])
    sent = post(kind)

    assert bench.outlet.find(sought(sent, bench.outlet.upload(sent))) is None


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_out_surely_but_not_listed_is_asked_for_again(bench: GraphBench, kind: PostKind) -> None:
    lost = lose(bench, post(kind))
    bench.account.posts[-1].is_hidden = True

    with pytest.raises(Unavailable, match="does not list it yet"):
        bench.outlet.find(lost)
    bench.account.posts[-1].is_hidden = False
    assert bench.outlet.find(lost) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_out_and_not_listed_after_a_day_is_for_somebody_to_look_at(bench: GraphBench, kind: PostKind) -> None:
    lost = lose(bench, post(kind))
    bench.account.posts[-1].is_hidden = True

    assert bench.outlet.find(replace(lost, since=utcnow() - A_DAY)) is None


def test_a_post_is_found_when_nobody_knows_its_container_any_more(bench: GraphBench) -> None:
    lost = lose(bench, post())
    bench.graph.containers.clear()

    assert bench.outlet.find(lost) is not None


@pytest.mark.parametrize("upload", ["", "{}", "null", "a name"])
def test_a_post_is_found_without_what_its_upload_returned(bench: GraphBench, upload: str) -> None:
    lost = lose(bench, post())

    assert bench.outlet.find(replace(lost, upload=upload)) is not None


@pytest.mark.parametrize("fault", [refused(100, 33), refused(24, 2207008)])
def test_a_container_that_is_denied_does_not_hide_its_post(bench: GraphBench, fault: Fault) -> None:
    lost = lose(bench, post())
    bench.faults.add(fault, call="status")

    assert bench.outlet.find(lost) is not None


def test_a_story_of_a_container_that_is_denied_cannot_be_told(bench: GraphBench) -> None:
    lost = lose(bench, post(PostKind.STORY))
    bench.faults.add(refused(100, 33), call="status")

    assert bench.outlet.find(lost) is None


def test_one_story_among_several_cannot_be_told(bench: GraphBench) -> None:
    bench.account.publish("story", "", [b"1"])

    assert bench.outlet.find(lose(bench, post(PostKind.STORY))) is None


def test_a_marker_is_known_whatever_becomes_of_its_blanks_and_signs(bench: GraphBench) -> None:
    sent = post()
    upload = bench.outlet.upload(sent)
    bench.account.publish("photo", f"Edited. No\xa0{MARKER.split()[1]} #art", [b"1"])

    assert bench.outlet.find(sought(sent, upload)) is not None


def test_a_marker_counts_since_then_and_clocks_differ(bench: GraphBench) -> None:
    sent = post()
    upload = bench.outlet.upload(sent)
    old = bench.account.publish("photo", f"An old one.\n{MARKER}", [b"1"])

    old.taken_at = utcnow() - timedelta(minutes=11)
    assert bench.outlet.find(sought(sent, upload)) is None
    old.taken_at = utcnow() - timedelta(minutes=9)
    assert bench.outlet.find(sought(sent, upload)) is not None


def test_a_post_is_found_behind_many_others_and_no_page_is_asked_for_by_its_address(bench: GraphBench) -> None:
    lost = lose(bench, post())
    for number in range(120):
        bench.account.publish("photo", f"№ {number:010x}", [b"1"])

    assert bench.outlet.find(lost) is not None
    assert bench.graph.requests["media"] == 3


def test_a_list_of_old_posts_is_not_read_to_its_end(bench: GraphBench) -> None:
    for number in range(120):
        bench.account.publish("photo", f"№ {number:010x}", [b"1"]).taken_at -= timedelta(days=3)
    sent = post()

    assert bench.outlet.find(sought(sent, bench.outlet.upload(sent))) is None
    assert bench.graph.requests["media"] == 1


# --- What is asked about posts that are out.


@pytest.mark.parametrize("kind", KINDS)
def test_a_post_has_an_address(bench: GraphBench, kind: PostKind) -> None:
    media_id = publish(bench, post(kind))

    link = bench.outlet.permalink(media_id)

    assert link is not None
    assert bench.account.posts[0].code in link


def test_a_post_that_is_gone_has_none(bench: GraphBench) -> None:
    assert bench.outlet.permalink("17900000000000000") is None


@pytest.mark.parametrize("kind", KINDS)
def test_feedback_is_what_the_kind_has(bench: GraphBench, kind: PostKind) -> None:
    media_id = publish(bench, post(kind))
    there = bench.account.posts[0]
    there.likes, there.comments, there.reach, there.saves, there.shares = 11, 2, 300, 4, 5

    saves = None if kind is PostKind.STORY else 4
    assert bench.outlet.feedback(media_id, kind) == Feedback(11, 2, 300, saves, 5)


def test_a_metric_that_is_refused_does_not_spoil_the_others(bench: GraphBench) -> None:
    media_id = publish(bench, post())
    bench.account.posts[0].reach = 300
    bench.account.posts[0].shares = 5
    for _ in range(2):  # all of them, and then reach alone
        bench.faults.add(refused(100, message="(#100) The reach metric is not supported."), call="insights")

    assert bench.outlet.feedback(media_id, PostKind.PHOTO) == Feedback(0, 0, None, 0, 5)


def test_counts_that_are_none_are_not_told(bench: GraphBench) -> None:
    media_id = publish(bench, post())
    bench.faults.add(Fault("words", status=200, body={"like_count": "many", "comments_count": None}), call="post")

    assert bench.outlet.feedback(media_id, PostKind.PHOTO) == Feedback(None, None, 0, 0, 0)


def test_a_story_that_few_have_seen_keeps_its_counts_to_itself(bench: GraphBench) -> None:
    media_id = publish(bench, post(PostKind.STORY))

    assert bench.outlet.feedback(media_id, PostKind.STORY) == Feedback(0, 0, None, None, None)


def test_a_story_is_gone_after_a_day(bench: GraphBench) -> None:
    media_id = publish(bench, post(PostKind.STORY))
    bench.graph.clock = A_DAY

    with pytest.raises(NotFound, match=media_id):
        bench.outlet.feedback(media_id, PostKind.STORY)


def test_what_remains_is_by_instagrams_count(bench: GraphBench) -> None:
    bench.account.quota = 2
    publish(bench, post())
    assert bench.outlet.remaining() == 1
    publish(bench, post(key="other"))
    assert bench.outlet.remaining() == 0
    bench.account.quota = 1
    assert bench.outlet.remaining() == 0


@pytest.mark.parametrize("body", [{"data": []}, {"data": [{"quota_usage": 3}]}])
def test_what_remains_may_not_be_told(bench: GraphBench, body: dict[str, object]) -> None:
    bench.faults.add(Fault("no quota", status=200, body=body), call="limit")

    assert bench.outlet.remaining() is None
