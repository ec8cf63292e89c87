#!/usr/bin/env python3
"""Splink on the same files, with the best settings we found.

    splink_run.py FOLDER OUT.csv

Links incoming.csv to index.csv with DuckDB, trains by expectation maximisation without labels, and writes
id_a,id_b,probability,decision for every pair at probability 0.01 or more; `link` is 0.5 or more and the incoming
record's best pair. Needs the packages splink and duckdb.
"""
import sys
import time

import duckdb
import splink.comparison_level_library as cll
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

PREPARE = """
create table {table} as select
    id as unique_id,
    nullif(replace(nhs_number, ' ', ''), '') as nhs_number,
    nullif(upper(given_name), '') as given_name,
    nullif(upper(middle_name), '') as middle_name,
    nullif(upper(family_name), '') as family_name,
    nullif(upper(former_family_name), '') as former_family_name,
    nullif(birth_date, '') as birth_date,
    nullif(sex, '') as sex,
    nullif(upper(regexp_replace(address, '[^0-9A-Za-z ]', ' ', 'g')), '') as address,
    nullif(replace(postcode, ' ', ''), '') as postcode,
    nullif(regexp_extract(replace(postcode, ' ', ''), '^(.*)[0-9][A-Z]*$', 1), '') as district,
    nullif(regexp_extract(replace(postcode, ' ', ''), '^(.*[0-9])[A-Z]*$', 1), '') as sector,
    case when phone in ('00000000000', '07000000000', '01234567890', '99999999999', '0', '11111111111', '')
        then null else replace(replace(phone, '+44', '0'), ' ', '') end as phone,
    nullif(lower(email), '') as email,
    try_cast(birth_date as date) as born
from read_csv('{path}', header = true, all_varchar = true)
"""


def settings():
    family = cl.CustomComparison(
        output_column_name="family_name",
        comparison_levels=[
            cll.NullLevel("family_name"),
            cll.ExactMatchLevel("family_name").configure(tf_adjustment_column="family_name"),
            cll.CustomLevel(
                "family_name_l = former_family_name_r or former_family_name_l = family_name_r", "former name"
            ),
            cll.JaroWinklerLevel("family_name", 0.92),
            cll.JaroWinklerLevel("family_name", 0.85),
            cll.CustomLevel("family_name_l = given_name_r and given_name_l = family_name_r", "exchanged"),
            cll.ElseLevel(),
        ],
    )
    given = cl.CustomComparison(
        output_column_name="given_name",
        comparison_levels=[
            cll.NullLevel("given_name"),
            cll.ExactMatchLevel("given_name").configure(tf_adjustment_column="given_name"),
            cll.JaroWinklerLevel("given_name", 0.92),
            cll.JaroWinklerLevel("given_name", 0.85),
            cll.CustomLevel("given_name_l = middle_name_r or middle_name_l = given_name_r", "middle name"),
            cll.CustomLevel("given_name_l[1] = given_name_r[1]", "initial"),
            cll.ElseLevel(),
        ],
    )
    birth = cl.CustomComparison(
        output_column_name="birth_date",
        comparison_levels=[
            cll.NullLevel("birth_date"),
            cll.ExactMatchLevel("birth_date"),
            cll.CustomLevel(
                "birth_date_l[1:4] = birth_date_r[1:4] and birth_date_l[6:7] = birth_date_r[9:10]"
                " and birth_date_l[9:10] = birth_date_r[6:7]",
                "day and month exchanged",
            ),
            cll.DamerauLevenshteinLevel("birth_date", 1),
            cll.DamerauLevenshteinLevel("birth_date", 2),
            cll.CustomLevel("birth_date_l[1:4] = birth_date_r[1:4]", "year"),
            cll.ElseLevel(),
        ],
    )
    place = cl.CustomComparison(
        output_column_name="postcode",
        comparison_levels=[
            cll.NullLevel("postcode"),
            cll.CustomLevel("postcode_l = postcode_r and address_l = address_r", "home"),
            cll.ExactMatchLevel("postcode"),
            cll.LevenshteinLevel("postcode", 1),
            cll.CustomLevel("sector_l = sector_r", "sector"),
            cll.CustomLevel("district_l = district_r", "district"),
            cll.ElseLevel(),
        ],
    )
    return SettingsCreator(
        link_type="link_only",
        comparisons=[
            cl.CustomComparison(
                output_column_name="nhs_number",
                comparison_levels=[
                    cll.NullLevel("nhs_number"),
                    cll.ExactMatchLevel("nhs_number"),
                    cll.DamerauLevenshteinLevel("nhs_number", 2),
                    cll.ElseLevel(),
                ],
            ),
            given,
            family,
            birth,
            cl.ExactMatch("sex"),
            place,
            cl.ExactMatch("phone"),
            cl.ExactMatch("email"),
            cl.ExactMatch("middle_name"),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("nhs_number"),
            block_on("birth_date", "given_name"),
            block_on("birth_date", "family_name"),
            block_on("birth_date", "postcode"),
            block_on("postcode", "given_name"),
            block_on("postcode", "family_name", "substr(birth_date, 1, 4)"),
            block_on("phone", "substr(given_name, 1, 1)"),
            block_on("email"),
            block_on("family_name", "given_name", "substr(birth_date, 1, 4)"),
        ],
        retain_intermediate_calculation_columns=False,
        retain_matching_columns=False,
    )


def main():
    folder, out = sys.argv[1:3]
    began = time.time()
    base = duckdb.connect()
    base.execute("set threads to 2; set memory_limit = '10GB'")
    for table in ("index", "incoming"):
        base.execute(PREPARE.format(table=f"people_{table}", path=f"{folder}/{table}.csv"))
    api = DuckDBAPI(connection=base)
    try:
        tables = [api.register(f"people_{table}") for table in ("index", "incoming")]
        linker = Linker(tables, settings())
    except (AttributeError, TypeError):
        linker = Linker(["people_index", "people_incoming"], settings(), db_api=api, input_table_aliases=["a", "b"])
    loaded = time.time()
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [block_on("nhs_number"), block_on("given_name", "family_name", "birth_date")], recall=0.85
    )
    training.estimate_u_using_random_sampling(max_pairs=1e7)
    for rule in (
        block_on("birth_date", "postcode"),
        block_on("given_name", "family_name", "postcode"),
        block_on("birth_date", "family_name"),
        block_on("birth_date", "given_name"),
    ):
        training.estimate_parameters_using_expectation_maximisation(rule)
    trained = time.time()
    pairs = linker.inference.predict(threshold_match_probability=0.01)
    columns = [row[0] for row in base.execute(f"describe {pairs.physical_name}").fetchall()]
    print("columns", columns, file=sys.stderr)
    # The index's ids begin with A, the incoming ones' with B.
    base.execute(
        f"""copy (
            with pairs as (
                select least(unique_id_l, unique_id_r) as id_a, greatest(unique_id_l, unique_id_r) as id_b,
                    match_probability as probability, match_weight as weight
                from {pairs.physical_name}
            )
            select id_a, id_b, probability,
                case when probability >= 0.5 and row_number() over (partition by id_b order by weight desc, id_a) = 1
                    then 'link' else 'review' end as decision
            from pairs order by id_b, probability desc
        ) to '{out}' (header, delimiter ',')"""
    )
    done = time.time()
    print(f"load {loaded - began:.1f} s  train {trained - loaded:.1f} s  predict {done - trained:.1f} s", file=sys.stderr)


main()
