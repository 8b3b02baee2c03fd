export interface Sandbox {
  readonly name: string;
  readonly title: string | null;
  /** `production` or `development` */
  readonly type: string | null;
  readonly state: string | null;
  readonly isDefault: boolean | null;
}
