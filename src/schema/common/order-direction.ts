import { z } from 'zod';
import { describedEnum } from './enum.ts';

export const OrderDirectionRef = describedEnum<'ASC' | 'DESC'>('OrderDirection', 'Sort direction.', {
  ASC: 'Ascending: smallest or oldest first.',
  DESC: 'Descending: greatest or newest first.',
});

/** The direction as the platform writes it. */
export const orderDirectionInput = z
  .enum(['ASC', 'DESC'])
  .transform((direction): 'asc' | 'desc' => (direction === 'ASC' ? 'asc' : 'desc'));
