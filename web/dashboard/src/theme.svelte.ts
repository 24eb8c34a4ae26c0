const KEY = "agentflow-theme";
const themes = ["auto", "light", "dark"] as const;
type Theme = (typeof themes)[number];

const stored = localStorage.getItem(KEY);
let theme = $state<Theme>(themes.find((one) => one === stored) ?? "auto");
/** Counts changes of colours, so that canvases are drawn again. */
let version = $state(0);

const apply = (): void => {
  document.documentElement.dataset.theme = theme;
  version += 1;
};
apply();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);

export const currentTheme = (): Theme => theme;
export const themeVersion = (): number => version;

export const nextTheme = (): void => {
  theme = themes[(themes.indexOf(theme) + 1) % themes.length] ?? "auto";
  localStorage.setItem(KEY, theme);
  apply();
};
