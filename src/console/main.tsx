import { createRoot } from 'react-dom/client';
import './styles/tokens.css';
import './styles/base.css';
import './styles/ui.css';
import './styles/layout.css';
import { App } from './app/app.tsx';
import { SessionStore } from './app/session.ts';
import { readSettings } from './app/settings.ts';

const settings = readSettings(document);
const session = new SessionStore(sessionStorage, settings.authMode !== 'embedded');
const root = document.getElementById('root');
if (root === null) throw new Error('The page has no root.');
createRoot(root).render(<App session={session} settings={settings} />);
