import { useSyncExternalStore } from 'react';

const dark = '(prefers-color-scheme: dark)';

/** A text that changes with the colors of the page. Only what is drawn without styles needs it. */
export const useColorScheme = (): string => useSyncExternalStore(subscribe, read);

const read = (): string => `${document.documentElement.dataset['theme']} ${window.matchMedia(dark).matches}`;

function subscribe(listener: () => void): () => void {
  const media = window.matchMedia(dark);
  media.addEventListener('change', listener);
  const observer = new MutationObserver(listener);
  observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  return () => {
    media.removeEventListener('change', listener);
    observer.disconnect();
  };
}
