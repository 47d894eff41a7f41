// Before the first paint, so that a page in the other theme does not flash.
try {
  const theme = localStorage.getItem("fanfare-theme");
  if (theme === "light" || theme === "dark") {
    document.documentElement.dataset.theme = theme;
  }
} catch {
  // Storage may be forbidden: the system's theme then.
}
