"""The inventory's schema, step by step; run by `Inventory.upgrade`."""
