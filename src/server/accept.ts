import { MIMEType } from 'node:util';

/** What a client can read, in its own order; weights are not looked at. */
export type AcceptedTypes = readonly MIMEType[];

/** Reads an `Accept` header. What is not understood is left out. @param header null: everything is accepted */
export function parseAccept(header: string | null): AcceptedTypes {
  return (header ?? '*/*').split(',').flatMap((text) => {
    try {
      return [new MIMEType(text.trim())];
    } catch {
      return [];
    }
  });
}

/** Whether one of the types that a client accepts stands for an offered one: by its name, or as a group of types. */
export const includesType = (accepted: AcceptedTypes, offered: string): boolean =>
  accepted.some((each) => stands(each, offered));

const stands = ({ type, subtype }: MIMEType, offered: string): boolean => {
  const [offeredType, offeredSubtype] = offered.split('/');
  return (type === '*' || type === offeredType) && (subtype === '*' || subtype === offeredSubtype);
};
