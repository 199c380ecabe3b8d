// What in a document would run as a program, and shots in attributes where no text for people belongs.
(plain) => {
  const found = [];
  const places = /^(href|src|action|formaction|xlink:href|data|srcdoc|poster|background|to|from|values)$/i;
  const scheme = (text) => text.replace(/[\u0000-\u0020]/g, "").match(/^(javascript|vbscript|data):/i);
  // As the browser itself reads it. Authors' links and pictures may lead to the web, whatever its addresses contain.
  const protocol = (text) => { try { return new URL(text, location.href).protocol; } catch { return "nowhere:"; } };
  const schemes = ["javascript:", "vbscript:", "data:"];
  const web = (name, key, text) =>
    ["a href", "img src"].includes(`${name} ${key}`) && ["http:", "https:", "nowhere:"].includes(protocol(text));
  const picture = /^data:image\/(png|gif|webp|jpeg)[;,]/i;
  const own = (script) => script.src && new URL(script.src).origin === location.origin && !script.textContent.trim();
  for (const element of document.querySelectorAll("*")) {
    const name = element.localName;
    if (["iframe", "object", "embed", "base", "frame", "animate", "set"].includes(name)) found.push(name);
    if (name === "meta" && element.httpEquiv) found.push(`meta ${element.httpEquiv}`);
    if (name === "script" && element.type !== "application/json" && !own(element)) found.push(element.outerHTML);
    for (const { name: key, value } of element.attributes) {
      const program = /^on|^(x-|@|hx-on|hx-vals|data-hx)/i.test(key);
      const runs = scheme(value) || schemes.includes(protocol(value));
      const address = places.test(key) && runs && !picture.test(value);
      const shot = value.includes("xss(") && !plain.includes(key) && !web(name, key, value);
      if (program || address || shot) found.push(`${name} ${key}=${value}`);
    }
  }
  return found.map((one) => one.slice(0, 160));
}
