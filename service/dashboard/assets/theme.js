// Runs before the page is drawn: "auto" follows the system's choice of light or dark.
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const choose = () => {
    const wanted = root.dataset.theme;
    root.dataset.bsTheme = wanted === "auto" ? (system.matches ? "dark" : "light") : wanted;
  };
  root.classList.add("js");
  choose();
  system.addEventListener("change", choose);
})();
