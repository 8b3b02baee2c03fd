import { useEffect, useState } from 'react';
import { texts } from '../texts.ts';
import { Select } from '../ui/select.tsx';

const themes = ['system', 'light', 'dark'] as const;
type Theme = (typeof themes)[number];

const storageKey = 'aep-export-gateway.theme';

/** The choice of colors. It is not secret, so it stays in the browser. */
export function ThemePicker() {
  const [theme, setTheme] = useState<Theme>(
    () => themes.find((each) => each === localStorage.getItem(storageKey)) ?? 'system',
  );
  useEffect(() => {
    document.documentElement.dataset['theme'] = theme;
    localStorage.setItem(storageKey, theme);
  }, [theme]);
  return (
    <Select
      label={texts.nav.theme.label}
      isLabelHidden
      options={themes.map((id) => ({ id, label: texts.nav.theme[id] }))}
      value={theme}
      onChange={setTheme}
    />
  );
}
