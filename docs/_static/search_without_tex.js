// Search results quote the pages, where formulas are TeX until MathJax sets them.  Here a simple formula
// becomes plain text, and any other a dot-dot-dot.
const SYMBOLS = {
  alpha: "α", beta: "β", gamma: "γ", delta: "δ", epsilon: "ε", theta: "θ", kappa: "κ", lambda: "λ", mu: "μ",
  pi: "π", rho: "ρ", sigma: "σ", tau: "τ", phi: "φ", psi: "ψ", omega: "ω", Gamma: "Γ", Delta: "Δ", Sigma: "Σ",
  cdots: "⋯", ldots: "…", dots: "…", cdot: "·", times: "×", le: "≤", ge: "≥", ne: "≠", approx: "≈", sim: "~",
  to: "→", infty: "∞", in: "∈", sum: "Σ", prod: "Π", int: "∫", log: "log ", exp: "exp ", sin: "sin ", cos: "cos ",
  min: "min ", max: "max ", left: "", right: "", quad: " ",
};

function plainFormula(tex) {
  const text = tex
    .replace(/^\s*\\[([]|\\[)\]]\s*$/g, "")
    .replace(/\\[,;!: ]/g, " ")
    .replace(/\\([A-Za-z]+)\s*/g, (whole, name) => SYMBOLS[name] ?? whole)
    .replace(/([_^])\{([^{}\\]*)\}/g, "$1$2");
  return /[\\{}&]/.test(text) ? "…" : text;
}

document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return;
  const quote = Search.htmlToText;
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    for (const formula of page.querySelectorAll(".math")) {
      formula.textContent = plainFormula(formula.textContent);
    }
    return quote(page.documentElement.outerHTML, anchor);
  };
});
