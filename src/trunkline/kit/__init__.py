"""The kit: what every domain and dialect stands on. It knows neither customers nor invoices."""
