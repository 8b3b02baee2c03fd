/** Names, places, products and pages of the seeded population. */

export const femaleNames = [
  'Amelia',
  'Anna',
  'Chloé',
  'Elena',
  'Emma',
  'Fatima',
  'Hannah',
  'Ingrid',
  'Julia',
  'Lucía',
  'Mei',
  'Nora',
  'Olivia',
  'Priya',
  'Sofia',
  'Zoe',
] as const;

export const maleNames = [
  'Ahmed',
  'Ben',
  'Carlos',
  'Daniel',
  'Erik',
  'Felix',
  'Hugo',
  'Jonas',
  'Kenji',
  'Lars',
  'Liam',
  'Mateo',
  'Noah',
  'Paul',
  'Thomas',
  'Wei',
] as const;

export const lastNames = [
  'Almeida',
  'Becker',
  'Brown',
  'Chen',
  'Dubois',
  'Fischer',
  'García',
  'Hansen',
  'Ivanova',
  'Johnson',
  'Kowalski',
  'Lefèvre',
  'Martin',
  'Meyer',
  'Moreau',
  'Müller',
  "O'Connor",
  'Patel',
  'Rossi',
  'Schneider',
  'Smith',
  'Tanaka',
  'Weber',
  'Williams',
] as const;

export const streets = [
  'Bahnhofstraße',
  'Calle Mayor',
  'Gartenweg',
  'High Street',
  'Lindenallee',
  'Main Street',
  'Mill Lane',
  'Park Avenue',
  'Rue de la Paix',
  'Via Roma',
] as const;

/** Cities by country. Countries with more cities have more people. */
export const places = [
  { city: 'Berlin', region: 'Berlin', countryCode: 'DE', language: 'de' },
  { city: 'Hamburg', region: 'Hamburg', countryCode: 'DE', language: 'de' },
  { city: 'München', region: 'Bayern', countryCode: 'DE', language: 'de' },
  { city: 'Köln', region: 'Nordrhein-Westfalen', countryCode: 'DE', language: 'de' },
  { city: 'New York', region: 'NY', countryCode: 'US', language: 'en' },
  { city: 'San Jose', region: 'CA', countryCode: 'US', language: 'en' },
  { city: 'Austin', region: 'TX', countryCode: 'US', language: 'en' },
  { city: 'Miami', region: 'FL', countryCode: 'US', language: 'es' },
  { city: 'London', region: 'England', countryCode: 'GB', language: 'en' },
  { city: 'Manchester', region: 'England', countryCode: 'GB', language: 'en' },
  { city: 'Paris', region: 'Île-de-France', countryCode: 'FR', language: 'fr' },
  { city: 'Lyon', region: 'Auvergne-Rhône-Alpes', countryCode: 'FR', language: 'fr' },
  { city: 'Madrid', region: 'Comunidad de Madrid', countryCode: 'ES', language: 'es' },
  { city: 'Milano', region: 'Lombardia', countryCode: 'IT', language: 'it' },
  { city: 'Zürich', region: 'Zürich', countryCode: 'CH', language: 'de' },
  { city: 'Tokyo', region: 'Tokyo', countryCode: 'JP', language: 'ja' },
] as const;

export const languages = ['de', 'en', 'es', 'fr', 'it', 'ja'] as const;

export const pages = [
  { name: 'home', url: 'https://www.example.com/' },
  { name: 'search', url: 'https://www.example.com/search' },
  { name: 'store finder', url: 'https://www.example.com/stores' },
  { name: 'loyalty', url: 'https://www.example.com/loyalty' },
  { name: 'product', url: 'https://www.example.com/product' },
  { name: 'checkout', url: 'https://www.example.com/checkout' },
] as const;

export const browsers = [
  { name: 'Chrome', agent: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/' },
  { name: 'Firefox', agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/' },
  { name: 'Safari', agent: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML) Version/' },
] as const;

export const products = [
  { sku: 'SHOE-101', name: 'Trail running shoe', price: 129.9 },
  { sku: 'SHOE-207', name: 'City sneaker', price: 89.5 },
  { sku: 'JACK-310', name: 'Rain jacket', price: 159 },
  { sku: 'PACK-042', name: 'Day pack 20 l', price: 64.95 },
  { sku: 'BOTT-005', name: 'Steel bottle', price: 24.5 },
  { sku: 'SOCK-011', name: 'Wool socks', price: 14.9 },
  { sku: 'TENT-002', name: 'Two-person tent', price: 349 },
  { sku: 'LAMP-019', name: 'Head lamp', price: 39.99 },
] as const;
