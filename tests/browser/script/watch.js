// Runs before a page's own scripts: a shot that is executed, and whatever the policy had to stop, is written down.
window.ran = [];
window.stopped = [];
window.xss = (number) => { window.ran.push(number); };
for (const name of ["alert", "confirm", "prompt"]) window[name] = () => { window.ran.push(name); };
document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sample }) => {
  window.stopped.push([effectiveDirective, blockedURI, sample].join(" "));
});
