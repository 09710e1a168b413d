"""The figures of works, named by what they show. Each module registers itself."""
