import { useEffect } from 'react';
import { useLocation, useNavigate, useSearchParams } from 'react-router';
import type { ViewerQuery } from '../operations.generated.ts';
import { texts } from '../texts.ts';
import { Select } from '../ui/select.tsx';
import { inSandbox, pathInSandbox, sandboxOf } from './sandbox.ts';

export interface SandboxPickerProps {
  readonly viewer: ViewerQuery['viewer'];
  /** Called with the sandbox that the gateway has chosen, because the URL names none. */
  readonly onDefault: (name: string) => void;
}

/** The sandbox of all pages. If the platform does not list the sandboxes, only the present one is shown. */
export function SandboxPicker({ viewer, onDefault }: SandboxPickerProps) {
  const { sandbox, sandboxes, authMode } = viewer;
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const [params, setParams] = useSearchParams();
  // In service mode the default can differ from caller to caller, so that only a name makes a link unambiguous.
  const isAmbiguous = authMode === 'SERVICE' && sandboxOf(params) === '';
  useEffect(() => {
    if (!isAmbiguous) return;
    onDefault(sandbox.name);
    setParams((present) => inSandbox(present, sandbox.name), { replace: true });
  });
  const usable = (sandboxes ?? [sandbox]).filter(
    (each) => !('state' in each) || each.state === null || each.state === 'active',
  );
  const options = usable.some(({ name }) => name === sandbox.name) ? usable : [sandbox, ...usable];
  return (
    <Select
      label={texts.nav.sandbox}
      isLabelHidden
      options={options.map(({ name, title, type }) => ({ id: name, label: title ?? name, hint: type ?? undefined }))}
      value={sandbox.name}
      onChange={(name) => void navigate(pathInSandbox(pathname, params, name))}
    />
  );
}
