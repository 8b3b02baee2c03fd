import type { ReactNode } from 'react';
import { Dialog as AriaDialog } from 'react-aria-components/Dialog';
import { Heading } from 'react-aria-components/Heading';
import { Modal, ModalOverlay } from 'react-aria-components/Modal';
import { texts } from '../texts.ts';
import { Button } from './button.tsx';
import '../styles/dialog.css';

export interface ConfirmationProps {
  readonly isOpen: boolean;
  readonly onOpenChange: (isOpen: boolean) => void;
  readonly title: string;
  readonly children: ReactNode;
  readonly action: string;
  readonly look: 'primary' | 'danger';
  readonly isPending: boolean;
  readonly onConfirm: () => void;
  /** Why the last attempt failed. */
  readonly failure: ReactNode;
  /** Offered in place of an action that would fail again; null if nothing is. @default the action is offered */
  readonly instead?: ReactNode;
}

/** Dialog that confirms an action. It stays open until the action has succeeded or the person dismisses it. */
export const Confirmation = (props: ConfirmationProps) => (
  <ModalOverlay className="overlay" isOpen={props.isOpen} onOpenChange={props.onOpenChange} isDismissable>
    <Modal className="modal">
      <AriaDialog role="alertdialog" className="dialog">
        <Heading slot="title">{props.title}</Heading>
        <div className="dialog-text">{props.children}</div>
        {props.failure}
        <div className="dialog-actions">
          <Button slot="close">{texts.dismiss}</Button>
          {props.instead === undefined ? (
            <Button look={props.look} isPending={props.isPending} onPress={props.onConfirm}>
              {props.action}
            </Button>
          ) : (
            props.instead
          )}
        </div>
      </AriaDialog>
    </Modal>
  </ModalOverlay>
);
