// KaTeX with its auto-render, as one module.
export { default as katex } from "katex/dist/katex.mjs";
export { default as renderMath } from "katex/dist/contrib/auto-render.mjs";
