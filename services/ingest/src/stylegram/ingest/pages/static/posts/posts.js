// Counts a caption's characters and hashtags while it is written; what is too long the publisher refuses anyway.
// As the publisher counts: letters, marks, digits, emoji, joiners; a number alone is no hashtag.
const HASHTAG = /[#＃﹟]+([\p{L}\p{M}\p{N}\p{So}\p{Sk}_\u200c\u200d]+)/gu;

const form = document.querySelector("#caption");
if (form) {
  const text = form.querySelector("textarea");
  const count = form.querySelector(".count");
  const over = form.querySelector(".over");
  const most = Number(form.dataset.length);
  const mostHashtags = Number(form.dataset.hashtags);
  const lastLine = form.dataset.lastLine;

  const look = () => {
    const lines = text.value.split("\n").map((line) => line.trimEnd()).join("\n").trim();
    const words = lines.endsWith(lastLine) ? lines.slice(0, -lastLine.length).trimEnd() : lines;
    // As it goes out: with an empty line, and the one by which the post is found again.
    const length = `${words}\n\n${lastLine}`.length;
    const hashtags = [...words.matchAll(HASHTAG)].filter(([, name]) => !/^\p{Nd}+$/u.test(name)).length;
    count.textContent = `${length.toLocaleString("en")} characters, ${hashtags} ${hashtags === 1 ? "hashtag" : "hashtags"}. `;
    const tooLong = length > most ? `${length - most} characters too many. ` : "";
    const tooMany = hashtags > mostHashtags ? `${hashtags - mostHashtags} hashtags too many.` : "";
    if (over.textContent !== tooLong + tooMany) over.textContent = tooLong + tooMany;
  };
  count.hidden = false;
  text.addEventListener("input", look);
  look();
}
