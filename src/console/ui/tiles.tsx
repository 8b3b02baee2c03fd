import type { ReactNode } from 'react';
import '../styles/tiles.css';

/** The most important numbers of a page. */
export const Tiles = ({ children }: { readonly children: ReactNode }) => <dl className="tiles">{children}</dl>;

export interface TileProps {
  readonly name: string;
  readonly children: string;
  readonly note: string | null;
  readonly isLate?: boolean;
}

export const Tile = ({ name, children, note, isLate = false }: TileProps) => (
  <div className="tile">
    <dt>{name}</dt>
    <dd className={isLate ? 'tile-value tile-late' : 'tile-value'}>{children}</dd>
    {note !== null && <dd className="tile-note">{note}</dd>}
  </div>
);
