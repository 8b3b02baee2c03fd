/** How the results of an entity, which can change after its end, are separated from the entity. */
export interface ResultRules<Entity> {
  /** Whether the results of the entity have been read, or need not be read. */
  isKnown(entity: Entity): boolean;
  /** Whether no further change of the results is awaited. */
  isSettled(entity: Entity): boolean;
  /** Returns the entity with the results that are known from another state of it. */
  carry(known: Entity, entity: Entity): Entity;
  /** Compares two states: the entity differs, only its results differ, or nothing that subscribers see. */
  difference(previous: Entity, entity: Entity): 'entity' | 'results' | 'nothing';
}
