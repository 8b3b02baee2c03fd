import { z } from 'zod';
import { describedEnum } from './enum.ts';

export const OrderDirectionRef = describedEnum<'ASC' | 'DESC'>('OrderDirection', 'Which end comes first.', {
  ASC: 'Smallest or oldest first.',
  DESC: 'Greatest or newest first.',
});

/** The direction as the platform writes it. */
export const orderDirectionInput = z
  .enum(['ASC', 'DESC'])
  .transform((direction): 'asc' | 'desc' => (direction === 'ASC' ? 'asc' : 'desc'));
