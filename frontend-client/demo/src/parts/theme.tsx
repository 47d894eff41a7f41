import { useState } from "react";

const KEY = "fanfare-theme";
const THEMES = ["system", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];
const NAMES: Record<Theme, string> = { system: "System", light: "Light", dark: "Dark" };

/** Light, dark, or what the system says. Kept for the browser; `theme.js` applies it before the first paint. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState(readTheme);
  return (
    <label className="theme">
      <span className="hidden">Theme</span>
      <select
        value={theme}
        data-testid="theme"
        onChange={(event) => {
          const next = event.target.value as Theme;
          setTheme(next);
          applyTheme(next);
        }}
      >
        {THEMES.map((name) => (
          <option key={name} value={name}>
            {NAMES[name]}
          </option>
        ))}
      </select>
    </label>
  );
}

function readTheme(): Theme {
  const theme = document.documentElement.dataset["theme"];
  return theme === "light" || theme === "dark" ? theme : "system";
}

function applyTheme(theme: Theme): void {
  const { dataset } = document.documentElement;
  try {
    if (theme === "system") {
      delete dataset["theme"];
      localStorage.removeItem(KEY);
    } else {
      dataset["theme"] = theme;
      localStorage.setItem(KEY, theme);
    }
  } catch {
    // Storage may be forbidden: then it is for this page alone.
  }
}
