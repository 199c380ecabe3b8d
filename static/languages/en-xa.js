// The texts of scripts in the pseudo-locale, as platform/gradus/pseudo_locale.py makes those of the server.
{
  const PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const ACCENTS = "åƀçðéƒĝĥîĵķļɱñöþǫŕšŧüṽŵẋýžÅƁÇÐÉƑĜĤÎĴĶĻṀÑÖÞǪŔŠŦÛṼŴẊÝŽ";
  const letter = (plain) => {
    const accent = ACCENTS[PLAIN.indexOf(plain)];
    return /[aeiou]/i.test(plain) ? accent + accent : accent;
  };
  const accented = (text) => `⟦${text.replace(/%\(\w+\)s|[a-zA-Z]/g, (part) => (part.length > 1 ? part : letter(part)))}⟧`;
  globalThis.django = {
    gettext: accented,
    ngettext: (one, many, count) => accented(count === 1 ? one : many),
  };
}
