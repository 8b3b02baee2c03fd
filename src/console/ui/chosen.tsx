import { Button } from 'react-aria-components/Button';
import { Tag, TagGroup, TagList } from 'react-aria-components/TagGroup';
import { texts } from '../texts.ts';
import type { Option } from './select.tsx';
import '../styles/chosen.css';

export interface ChosenProps {
  readonly label: string;
  readonly items: readonly Option<string>[];
  readonly onRemove: (ids: ReadonlySet<string | number>) => void;
}

/** Chosen values that a person can remove. Nothing without values. */
export const Chosen = ({ label, items, onRemove }: ChosenProps) =>
  items.length === 0 ? null : (
    <TagGroup aria-label={texts.chosen.label(label)} onRemove={onRemove}>
      <TagList items={items} className="chosen">
        {({ id, label: text }) => (
          <Tag id={id} textValue={text} className="chosen-item">
            {text}
            <Button slot="remove" className="chosen-remove" aria-label={texts.chosen.remove(text)}>
              ×
            </Button>
          </Tag>
        )}
      </TagList>
    </TagGroup>
  );
